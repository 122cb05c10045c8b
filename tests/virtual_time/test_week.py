"""
Whatever goes wrong, every tick has exactly one observation: twenty seeds on virtual time.

What runs here is a slice, as long as CI allows: three providers of the reference fleet (15 of its 90 clusters, with all
three modules), two hours of the week, and the faults of two days pressed into them. `make soak-week` runs the whole
week of the whole fleet.
"""

from __future__ import annotations

import pytest

from schemas.observation import Reason
from tests.virtual_time.faults import KINDS, faults
from tests.virtual_time.week import Scale, run

SLICE = Scale(providers=3, clusters=5, length_s=2 * 3600.0, density=24.0)
SEEDS = range(20)
FOUND = (213, 233)  # an interval changed, and then the clock set back to before that


@pytest.mark.parametrize("seed", (*SEEDS, *FOUND))
def test_every_tick_of_a_bad_day_has_exactly_one_observation(seed: int) -> None:
    """None lost, none doubled, none asked twice, no budget passed; among some eighty faults each."""
    result = run(seed, SLICE)

    assert result.wrong == []
    assert result.asked_twice == 0
    assert result.ticks > 10_000
    assert result.faults > 60
    assert result.reasons[Reason.OBSERVER_BUDGET] > 0


def test_the_same_seed_is_the_same_run() -> None:
    """So that a failing seed can be looked at."""
    short = Scale(providers=2, clusters=3, length_s=3600.0, density=24.0)

    assert run(5, short) == run(5, short)


def test_without_faults_nothing_is_our_own_fault() -> None:
    """But for the ticks between the last stop and the last start: the simulation itself adds nothing."""
    result = run(1, Scale(providers=2, clusters=2, length_s=3600.0, density=0.0))

    assert result.wrong == []
    assert result.reasons.get(Reason.OBSERVER_OVERLOADED, 0) == result.reasons.get(Reason.OBSERVER_NETWORK, 0) == 0
    assert result.reasons.get(Reason.OBSERVER_OFFLINE, 0) <= 2


def test_every_kind_of_fault_befalls_some_seed() -> None:
    """The slices together leave no fault out."""
    found = {fault.kind for seed in SEEDS for fault in faults(seed, SLICE.length_s, SLICE.density, SLICE.providers)}

    assert found == set(KINDS)
