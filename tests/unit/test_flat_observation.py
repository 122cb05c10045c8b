"""A flat observation is the observation, and is stored as it is."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given

from schemas.flat_observation import FlatObservation, flat
from schemas.observation import Instrument, Observation, Timings, Tokens
from tests.support.observations import any_observation, fullest

GROUPS = {"timings": Timings, "instrument": Instrument, "tokens": Tokens}


@given(one=any_observation())
def test_a_flat_observation_is_the_observation(one: Observation) -> None:
    """Whole again it is the same, and what derives from it is."""
    there = FlatObservation.of(one)

    assert there.whole() == one
    assert (there.id, there.confirm, there.blame) == (one.id, one.confirm, one.blame)
    assert flat(one) == there
    assert flat(there) is there


def test_every_field_of_an_observation_stands_in_a_flat_one() -> None:
    """A field that is added to one of them must be added here."""
    expected = {field.name for field in fields(Observation)} - GROUPS.keys()
    expected |= {field.name for kind in GROUPS.values() for field in fields(kind)}

    assert set(FlatObservation._fields) == expected
    assert FlatObservation.of(fullest()).whole() == fullest()
