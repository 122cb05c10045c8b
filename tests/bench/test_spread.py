"""Medians, spreads and percentiles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.spread import Spread, percentile, spread

NUMBERS = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200)


def test_the_spread_of_three_runs_is_their_median_between_the_outer_two() -> None:
    """The order of the runs does not matter."""
    assert Spread(2.0, 1.0, 9.0, 3) == spread([9.0, 1.0, 2.0])


def test_without_a_run_there_is_no_spread() -> None:
    """Nothing is not zero."""
    assert spread([]) is None


def test_a_percentile_is_one_of_the_values() -> None:
    """Nearest rank: no value is made up between two."""
    values = [float(number) for number in range(1, 201)]

    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [100.0, 198.0, 200.0]


@given(NUMBERS, st.floats(0.001, 1.0))
def test_at_least_the_share_does_not_exceed_the_percentile(values: list[float], share: float) -> None:
    """The definition, for any values."""
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
