"""A destination is never sent more than it takes in any minute, and the worst page never waits long for its turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage.ledger_bucket import WINDOW_S, burst, filled


def sent(per_minute: int, looks: list[float]) -> list[float]:
    """When pages go to a destination for which endlessly many wait, looked at after each of *looks* seconds."""
    tokens, at, went = float(burst(per_minute)), 0.0, []
    for wait_s in (0.0, *looks):
        tokens = filled(tokens, wait_s, per_minute)
        at += wait_s
        went += [at] * int(tokens)
        tokens -= int(tokens)
    return went


@given(per_minute=st.integers(1, 300), looks=st.lists(st.floats(0.01, 40), max_size=100))
def test_no_minute_has_more_than_the_destination_takes(per_minute: int, looks: list[float]) -> None:
    """Counted from every page on."""
    went = sent(per_minute, looks)

    for number, first in enumerate(went):
        within = [at for at in went[number:] if at < first + WINDOW_S - 1e-6]
        assert len(within) <= per_minute


@pytest.mark.parametrize(("per_minute", "at_least"), [(1, 9), (4, 36), (60, 450), (120, 900)])
def test_most_of_what_it_takes_is_used(per_minute: int, at_least: int) -> None:
    """In ten minutes of a storm, looked at four times a second."""
    assert len(sent(per_minute, [0.25] * 2400)) >= at_least


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    """Two collectors never agree to the millisecond."""
    assert filled(3.0, -5.0, 60) == 3.0
