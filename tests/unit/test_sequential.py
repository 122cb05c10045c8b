"""E-values: their mean is at most 1 while the claim holds, counted out exactly, however often somebody looks."""

from __future__ import annotations

import math
from itertools import product as every

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.e_value import e_bh, mean_of, p_to_e, weighted
from collector.judgement.integrity.sequential import (
    DAYS_MAX,
    LAMBDAS,
    Fold,
    bernoulli_mixture,
    block_betting,
    from_any_day,
    product,
)

EXACT = pytest.approx(1.0, abs=1e-9)


def folds(es: list[float] | tuple[float, ...]) -> list[Fold]:
    """One fresh part of the reference for each."""
    return [Fold(f"day {place}", e) for place, e in enumerate(es)]


@given(st.floats(0.001, 0.3), st.integers(0, 60), st.floats(0.0, 1.0))
def test_the_mixture_has_a_mean_of_one_at_the_line_and_less_below(p0: float, n: int, part: float) -> None:
    """Over every number of hits, with its probability."""

    def mean(p: float) -> float:
        return math.fsum(
            math.comb(n, x) * p**x * (1 - p) ** (n - x) * bernoulli_mixture(x, n, p0=p0) for x in range(n + 1)
        )

    assert mean(p0) == EXACT
    assert mean(p0 * part) <= 1 + 1e-9


def test_the_mixture_grows_when_twice_as_many_fail() -> None:
    """2 % against 1 %, within the days that were published for 288 probes a day."""
    assert bernoulli_mixture(round(0.02 * 288 * 8), 288 * 8, p0=0.01) > 100
    assert bernoulli_mixture(round(0.01 * 288 * 8), 288 * 8, p0=0.01) < 1


@given(st.floats(0.005, 0.4), st.integers(1, 7))
def test_block_betting_has_a_mean_of_one_for_blocks_that_fail_whole(p0: float, blocks: int) -> None:
    """Every sequence of blocks that are down or up altogether: as bursty as can be."""
    paths = every((0.0, 1.0), repeat=blocks)

    assert (
        math.fsum(math.prod(p0 if b else 1 - p0 for b in path) * block_betting(path, p0=p0) for path in paths) == EXACT
    )


def test_blocks_do_not_alarm_on_bursts_where_requests_do() -> None:
    """Outages of half an hour, 1 % of the time, 90 days, looked at weekly: blocks hardly ever, requests often."""
    chance = np.random.default_rng(1)
    alarms = {"blocks": 0, "requests": 0}
    for _ in range(150):
        means = np.minimum(chance.poisson(0.12, size=360) * 30 / 360, 1.0)
        weeks = range(28, 361, 28)
        alarms["blocks"] += any(block_betting(means[:n], p0=0.01) >= 100 for n in weeks)
        hits = np.cumsum(np.rint(means * 72)).astype(int)
        alarms["requests"] += any(bernoulli_mixture(int(hits[n - 1]), 72 * n, p0=0.01) >= 100 for n in weeks)

    assert alarms["blocks"] <= 5
    assert alarms["requests"] >= 20


def test_no_bet_can_lose_more_than_everything() -> None:
    """At a line of one half only the bets below 2 are made."""
    assert block_betting([0.0] * 50, p0=0.5) > 0
    assert block_betting([0.0], p0=0.5) == pytest.approx(np.mean([1 - 0.5 * bet for bet in LAMBDAS if bet < 2]))


@pytest.mark.parametrize("permutations", [19, 199, 999])
def test_a_permutation_p_value_becomes_an_e_value(permutations: int) -> None:
    """p is evenly one of 1/(B+1) ... 1: the mean is at most 1, and near it for many permutations."""
    mean = mean_of([p_to_e(k / (permutations + 1)) for k in range(1, permutations + 2)])

    assert 0.6 < mean <= 1
    assert p_to_e(0.001) == pytest.approx(37.8, abs=0.1)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.1, math.nan])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    """0 comes of a permutation test without its + 1."""
    with pytest.raises(ValueError, match="a p-value is above 0 and at most 1"):
        p_to_e(p)


@pytest.mark.parametrize("combine", [product, from_any_day])
def test_products_have_a_mean_of_one_and_cross_a_line_as_rarely_as_ville_says(combine: object) -> None:
    """Every path of ten fair days; the largest value ever seen reaches a on at most 1/a of the paths."""
    assert callable(combine)
    paths = [folds(path) for path in every((0.25, 1.75), repeat=10)]
    highest = [max(combine(path[:n]) for n in range(1, 11)) for path in paths]

    assert mean_of([combine(path) for path in paths]) == EXACT
    for line in (2.0, 5.0, 20.0):
        assert sum(value >= line for value in highest) / len(paths) <= 1 / line


@pytest.mark.parametrize("combine", [product, from_any_day])
def test_a_part_of_the_reference_that_was_used_twice_is_refused(combine: object) -> None:
    """Two factors that share it are not independent."""
    assert callable(combine)
    with pytest.raises(ValueError, match="needs a fresh part of the reference"):
        combine([Fold("monday", 2.0), Fold("monday", 2.0)])


def test_a_swap_after_honest_weeks_is_not_hidden_by_them() -> None:
    """Three weeks at 0.6 a day, then three days at 100: the plain product is still below 1000, the other far above."""
    days = folds([0.6] * 21 + [100.0] * 3)

    assert product(days) == pytest.approx(0.6**21 * 1e6)
    assert from_any_day(days) > 8000 > product(days) * 100 / 1000
    assert from_any_day(folds([])) == 1.0
    assert from_any_day(folds([0.0])) == 0.5


def test_the_horizon_was_fixed_beforehand() -> None:
    """More days than it has are an error of ours."""
    assert from_any_day(folds([1.0] * DAYS_MAX)) == EXACT
    with pytest.raises(ValueError, match="the horizon is 60 days, not 61"):
        from_any_day(folds([1.0] * (DAYS_MAX + 1)))


def test_what_is_beyond_all_numbers_stays_finite() -> None:
    """A thousand nines."""
    assert math.isfinite(product(folds([1e300] * 5)))
    assert math.isfinite(from_any_day(folds([1e300] * 60)))
    assert math.isfinite(bernoulli_mixture(10**6, 10**6, p0=0.001))
    assert math.isfinite(block_betting([1.0] * 10**4, p0=0.001))


@given(st.lists(st.sampled_from([0.0, 1.0, 10.0, 20.0, 40.0, 100.0]), max_size=8), st.sampled_from([0.05, 0.1, 0.5]))
def test_e_bh_reports_the_largest_set_that_its_rule_allows(es: list[float], q: float) -> None:
    """Against every set of providers: all its members have at least K / (k q)."""
    named = {f"p{place}": e for place, e in enumerate(es)}
    allowed = [
        {name for name, keep in zip(named, chosen, strict=True) if keep}
        for chosen in every((False, True), repeat=len(es))
    ]
    allowed = [one for one in allowed if all(named[name] * len(one) * q >= len(es) for name in one)]

    assert e_bh(named, q=q) == max(allowed, key=len, default=set())


def test_a_weighted_mean_takes_what_is_missing_as_one() -> None:
    """No evidence is neither for nor against."""
    assert weighted({"a": 10.0}, {"a": 0.5, "b": 0.5}) == 5.5
    assert mean_of([]) == 1.0
