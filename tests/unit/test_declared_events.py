"""Events that were declared beforehand give e-values: their mean is at most 1, whatever the honest probability."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collector.judgement.integrity.declared_events import declared


@given(st.integers(1, 60), st.floats(0.0001, 0.1), st.floats(0.0, 1.0))
def test_the_mean_is_at_most_one_while_the_claim_holds(n: int, p0: float, part: float) -> None:
    """The exact mean over all outcomes, for every true probability up to p0; at p0 itself it is 1."""
    mean = sum(float(stats.binom.pmf(k, n, p0 * part)) * declared(k, n, p0=p0) for k in range(n + 1))
    assert mean <= 1 + 1e-9
    at_limit = sum(float(stats.binom.pmf(k, n, p0)) * declared(k, n, p0=p0) for k in range(n + 1))
    assert at_limit == pytest.approx(1.0)


@given(st.integers(0, 20), st.integers(0, 40))
def test_it_is_a_process(seen: int, quiet: int) -> None:
    """One day more multiplies it by something that has mean 1 at p0: looking daily costs nothing."""
    p0, n = 0.005, seen + quiet
    after = p0 * declared(seen + 1, n + 1, p0=p0) + (1 - p0) * declared(seen, n + 1, p0=p0)
    assert after == pytest.approx(declared(seen, n, p0=p0))


def test_two_events_of_two_are_much_and_none_is_little() -> None:
    """An event is worth at most 1/p0, never 1/p of what was seen."""
    assert declared(0, 0, p0=0.005) == 1.0
    assert 1 < declared(1, 1, p0=0.005) <= 200
    assert 1000 < declared(2, 2, p0=0.005) <= 40_000
    assert 0.1 < declared(0, 30, p0=0.005) < 1
    assert declared(10_000, 10_000, p0=0.0001) < float("inf")
