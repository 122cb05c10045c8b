"""The search for the largest number of targets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.measure.capacity import TARGETS_MAX, TARGETS_MIN, largest_good, search
from bench.measure.lateness import Trial


def trial(targets: int, good: bool) -> Trial:
    """A trial that was clearly one or the other."""
    return Trial(targets, 1.0, 1.0 if good else 500.0, 1.0, 0.5)


@given(st.integers(TARGETS_MIN, TARGETS_MAX // 2))
def test_the_search_ends_close_below_the_limit(limit: int) -> None:
    """Within a fifth of it after two halvings, and in a bounded number of trials."""
    trials = search(lambda targets: trial(targets, targets <= limit), start=2000, refinements=2)

    assert len(trials) <= 14
    assert limit / 2**0.25 * 0.99 <= max(TARGETS_MIN, largest_good(trials)) <= max(TARGETS_MIN, limit)


def test_nothing_good_is_zero() -> None:
    """Not the smallest number tried."""
    assert largest_good(search(lambda targets: trial(targets, False), start=2000, refinements=2)) == 0


def test_a_lucky_trial_above_a_failed_one_does_not_count() -> None:
    """The answer lies below the smallest number that failed."""
    assert largest_good((trial(1000, True), trial(2000, False), trial(4000, True))) == 1000
