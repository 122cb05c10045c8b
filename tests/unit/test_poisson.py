"""Rates of what comes by itself: the bounds are Garwood's where all weigh the same, and hold where they do not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.judgement.poisson import gamma_share, rate_bounds


@given(st.floats(0.5, 5000), st.floats(0.0001, 4.0))
def test_the_gamma_share_is_scipys(shape: float, times: float) -> None:
    """Below and above the middle, small shapes and large."""
    assert gamma_share(times * shape, shape) == pytest.approx(
        stats.gamma.cdf(times * shape, shape), rel=1e-9, abs=1e-14
    )


@pytest.mark.parametrize("n", [0, 1, 2, 7, 40, 900])
def test_of_equal_weights_the_bounds_are_exact(n: int) -> None:
    """Half of the chi-square points with twice the count, and two more above (Garwood)."""
    low, high = rate_bounds([0.25] * n, 0.25, confidence=0.95)

    assert low == pytest.approx(stats.chi2.ppf(0.05, 2 * n) / 8 if n else 0.0, rel=1e-9)
    assert high == pytest.approx(stats.chi2.ppf(0.95, 2 * n + 2) / 8, rel=1e-9)


def test_nothing_in_a_month_is_three_a_month_at_most() -> None:
    """The rule of three."""
    assert rate_bounds([], 1.0, confidence=0.95) == (0.0, pytest.approx(2.9957, abs=1e-4))


def test_unequal_weights_keep_what_the_bounds_promise() -> None:
    """5,000 months of two wide incidents and eight of a fifth each: the truth is above the bound in 5 % at most."""
    chance = random.Random(1)
    missed = 0
    for _ in range(5000):
        wide, narrow = (stats.poisson.ppf(chance.random(), mean) for mean in (2, 8))
        _, high = rate_bounds([1.0] * int(wide) + [0.2] * int(narrow), 1.0, confidence=0.95)
        missed += high < 2 + 8 / 5

    assert 0 < missed / 5000 < 0.05
