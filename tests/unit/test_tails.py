"""The tails of Student's t and of the binomial agree with scipy's, far out as well."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.judgement.tails import binomial_point, binomial_tail, student_point, student_tail


@pytest.mark.parametrize("freedom", [1, 2, 7, 8, 18, 500, 100_000])
@pytest.mark.parametrize("t", [-4.0, -0.3, 0.0, 0.5, 3.0, 12.0, 40.0])
def test_students_tail_is_scipys(t: float, freedom: int) -> None:
    """To ten digits, wherever a float can say it."""
    assert student_tail(t, freedom) == pytest.approx(stats.t.sf(t, freedom), rel=1e-9)


@pytest.mark.parametrize("freedom", [1, 8, 18, 3000])
@pytest.mark.parametrize("tail", [0.05, 0.001, 1e-6])
def test_students_point_is_scipys(tail: float, freedom: int) -> None:
    """The inverse of the tail."""
    assert student_point(tail, freedom) == pytest.approx(stats.t.isf(tail, freedom), rel=1e-9)


@given(st.integers(1, 3000), st.data(), st.floats(0.0005, 0.9))
def test_the_binomials_tail_is_scipys(n: int, data: st.DataObject, share: float) -> None:
    """At every k, down to what scipy itself can say."""
    k = data.draw(st.integers(0, n + 1))
    expected = float(stats.binom.sf(k - 1, n, share))
    if expected > 1e-290:
        assert binomial_tail(k, n, share) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_the_binomials_tail_is_the_sum_of_its_terms(n: int) -> None:
    """By brute force."""
    for k in range(n + 2):
        terms = sum(math.comb(n, i) * 0.3**i * 0.7 ** (n - i) for i in range(k, n + 1))
        assert binomial_tail(k, n, 0.3) == pytest.approx(terms, abs=1e-14)


@given(st.integers(1, 2000), st.floats(0.001, 0.5), st.floats(0.0001, 0.2))
def test_the_binomials_point_is_the_first_that_is_rare_enough(n: int, share: float, alpha: float) -> None:
    """One fewer would be too likely."""
    least = binomial_point(n, share, alpha=alpha)
    assert binomial_tail(least, n, share) <= alpha
    assert binomial_tail(least - 1, n, share) > alpha
