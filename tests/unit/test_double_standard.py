"""Probes treated better than traffic: found when it is so, not when hours, targets or prompts alone explain it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.double_standard import (
    ALPHA,
    FAILURES_MIN,
    N_MIN,
    RATIO_MIN,
    REASON,
    STRATA_MIN,
    Comparison,
    DoubleStandard,
    FailureStratum,
    Logs,
    TtftStratum,
    compared_failures,
    compared_first_tokens,
    double_standard,
)

CONFIDENCE = 0.95
HONEST_RUNS = 400


def failures(
    dice: random.Random, share_of: Callable[[int], tuple[float, float]], hours: int = 168
) -> list[FailureStratum]:
    """Hours of 60 probes and 40 requests; *share_of* an hour is how much of each fails."""
    made = []
    for hour in range(hours):
        ours, theirs = share_of(hour)
        made.append(
            FailureStratum(
                60, sum(dice.random() < ours for _ in range(60)), 40, sum(dice.random() < theirs for _ in range(40))
            )
        )
    return made


def logs(dice: random.Random, n: int, median_ms: float, sigma: float = 0.3) -> Logs:
    """*n* times around a median."""
    values = [math.log(median_ms) + sigma * dice.gauss(0, 1) for _ in range(n)]
    return Logs(n, sum(values), sum(value * value for value in values))


def test_traffic_that_fails_more_in_the_same_hours_is_found() -> None:
    """Two points more, with the interval around it and the least that would have shown below it."""
    found = compared_failures(failures(random.Random(1), lambda _: (0.005, 0.025)), confidence=CONFIDENCE)

    assert found is not None
    assert found.low < 0.02 < found.high
    assert FAILURES_MIN < found.smallest < found.effect
    assert (found.n_active, found.n_passive, found.strata) == (60 * 168, 40 * 168, 168)
    assert DoubleStandard(found, None).reasons == (REASON,)


def test_a_first_token_that_comes_later_for_traffic_is_found_as_a_ratio() -> None:
    """1.4 times later, whatever the hour's own speed."""
    dice = random.Random(2)
    strata = [
        TtftStratum(logs(dice, 60, 200 + 10 * (hour % 24)), logs(dice, 40, 1.4 * (200 + 10 * (hour % 24))))
        for hour in range(100)
    ]
    found = compared_first_tokens(strata, confidence=CONFIDENCE)

    assert found is not None
    assert found.low < 1.4 < found.high
    assert 1 < found.smallest < RATIO_MIN
    assert DoubleStandard(None, found).reasons == (REASON,)


def test_hours_that_are_bad_for_both_are_no_double_standard() -> None:
    """Most traffic comes in the evening, when a third fails for everybody: pooled it looks terrible."""
    dice = random.Random(3)
    made = []
    for hour in range(168):
        share, theirs = (0.33, 400) if hour % 24 == 20 else (0.001, 5)
        counted = [sum(dice.random() < share for _ in range(n)) for n in (60, theirs)]
        made.append(FailureStratum(60, counted[0], theirs, counted[1]))
    pooled = sum(s.passive_failed for s in made) / sum(s.passive_n for s in made)
    ours = sum(s.active_failed for s in made) / sum(s.active_n for s in made)

    assert pooled - ours > 0.1
    assert double_standard(made, (), confidence=CONFIDENCE).reasons == ()


@pytest.mark.parametrize("bursty", [False, True])
def test_alike_is_hardly_ever_called_worse(bursty: bool) -> None:
    """400 honest weeks, with outages that hit whole hours of one side by chance or without: at most one is accused."""
    accused, below = 0, 0
    for seed in range(HONEST_RUNS):
        dice = random.Random(seed)

        def share_of(_: int, dice: random.Random = dice) -> tuple[float, float]:
            if not bursty:
                return 0.01, 0.01
            return (0.4 if dice.random() < 0.03 else 0.0), (0.4 if dice.random() < 0.03 else 0.0)

        found = compared_failures(failures(dice, share_of, hours=60), confidence=CONFIDENCE)
        assert found is not None
        accused += bool(DoubleStandard(found, None).reasons)
        below += found.p < 0.05
    assert accused <= 1
    assert below <= HONEST_RUNS * 0.09


def test_bursts_widen_the_interval() -> None:
    """The same totals, spread evenly or in a few hours: fewer independent witnesses, a wider interval."""
    even = [FailureStratum(60, 0, 40, 2) for _ in range(100)]
    burst = [FailureStratum(60, 0, 40, 40 if hour < 5 else 0) for hour in range(100)]
    spread, lumped = (compared_failures(one, confidence=CONFIDENCE) for one in (even, burst))

    assert spread is not None and lumped is not None
    assert spread.effect == pytest.approx(lumped.effect) == 0.05
    assert lumped.high - lumped.low > 3 * (spread.high - spread.low)
    assert DoubleStandard(spread, None).reasons == (REASON,)
    assert DoubleStandard(lumped, None).reasons == ()


def test_no_failure_at_all_is_no_proof_of_anything() -> None:
    """Zero of a few hundred: the effect is 0, and what would have shown is not 0."""
    found = compared_failures([FailureStratum(10, 0, 10, 0)] * 20, confidence=CONFIDENCE)

    assert found is not None
    assert (found.effect, found.p) == (0.0, 0.5)
    assert found.smallest > 0.01


def test_probes_that_fare_worse_than_traffic_accuse_nobody() -> None:
    """The test is one-sided."""
    assert double_standard(failures(random.Random(4), lambda _: (0.05, 0.0)), (), confidence=CONFIDENCE).reasons == ()


def test_a_tiny_difference_is_not_worth_an_accusation() -> None:
    """However certain it is."""
    certain = Comparison(0.004, 0.003, 0.005, 1e-12, 0.001, 10**6, 10**6, 500)

    assert DoubleStandard(certain, replace(certain, effect=1.09)).reasons == ()
    assert DoubleStandard(replace(certain, p=ALPHA, effect=0.5), None).reasons == ()
    assert DoubleStandard(None, replace(certain, effect=RATIO_MIN)).reasons == (REASON,)


@pytest.mark.parametrize(
    "strata",
    [
        [],
        [FailureStratum(60, 1, 40, 2)] * (STRATA_MIN - 1),
        [FailureStratum(60, 1, (N_MIN - 1) // STRATA_MIN, 2)] * STRATA_MIN,
        [FailureStratum(60, 1, 0, 0)] * 200,
        [FailureStratum(0, 0, 60, 1)] * 200,
    ],
    ids=["nothing", "few strata", "few requests", "no traffic", "no probes"],
)
def test_too_little_of_the_same_thing_is_unknown(strata: list[FailureStratum]) -> None:
    """None, and no accusation."""
    assert double_standard(strata, (), confidence=CONFIDENCE) == DoubleStandard(None, None)
    assert DoubleStandard(None, None).reasons == ()


def test_times_that_never_vary_measure_nothing() -> None:
    """No error can be said of them."""
    same = Logs(20, 100.0, 500.0)

    assert compared_first_tokens([TtftStratum(same, same)] * 20, confidence=CONFIDENCE) is None


@given(
    st.lists(
        st.tuples(st.integers(1, 50), st.integers(0, 50), st.integers(1, 50), st.integers(0, 50)),
        min_size=10,
        max_size=60,
    )
)
def test_an_effect_lies_between_its_bounds_and_in_order(counts: list[tuple[int, int, int, int]]) -> None:
    """Whatever the counts; a smaller p never comes with a smaller effect over its error."""
    strata = [FailureStratum(a, min(x, a), b, min(y, b)) for a, x, b, y in counts]
    found = compared_failures(strata, confidence=CONFIDENCE)
    if found is None:
        return
    assert -1 <= found.effect <= 1
    assert found.low <= found.effect <= found.high
    assert (found.p < 0.5) == (found.effect > 0)
    assert (found.effect > found.smallest) == (found.p < ALPHA)
