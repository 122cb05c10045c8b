"""Availability stands on published arithmetic, and unknown time only ever widens what is said."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.availability import (
    availability,
    claimable,
    design_effect,
    moments,
    moments_of,
    probes_to_claim,
    wilson,
)
from collector.judgement.facts import Block
from tests.support.provider_facts import block

COUNTS = st.tuples(st.integers(0, 500), st.integers(0, 50), st.integers(0, 50))
HISTORY = st.lists(COUNTS, min_size=1, max_size=20).map(
    lambda rows: [block(i, ok=ok, degraded=slow, failed=bad) for i, (ok, slow, bad) in enumerate(rows)]
)

# scipy 1.17.1, binomtest(k, n).proportion_ci(level, method="wilson"); a two-sided level of 1 - 2a is one-sided 1 - a.
# The first four are also in Newcombe, Statistics in Medicine 17 (1998), table I, method 3, with four digits.
WILSON = [
    (81, 263, 0.975, 0.255289, 0.366210),
    (15, 148, 0.975, 0.062386, 0.160487),
    (0, 20, 0.975, 0.000000, 0.161125),
    (1, 29, 0.975, 0.006113, 0.171755),
    (14400, 14400, 0.95, 0.999812, 1.000000),
    (14386, 14400, 0.95, 0.998497, 0.999371),
    (997, 1000, 0.95, 0.992518, 0.998800),
]


@pytest.mark.parametrize(("good", "n", "confidence", "lower", "upper"), WILSON)
def test_the_bounds_are_wilsons(good: int, n: int, confidence: float, lower: float, upper: float) -> None:
    """Six digits of an independent implementation."""
    assert wilson(good / n, n, confidence=confidence) == pytest.approx((lower, upper), abs=6e-7)


@given(share=st.floats(0, 1), n=st.floats(1, 1e7), confidence=st.floats(0.51, 0.999))
def test_the_bounds_hold_the_share_and_stay_shares(share: float, n: float, confidence: float) -> None:
    """0 <= lower <= share <= upper <= 1, whatever was seen."""
    lower, upper = wilson(share, n, confidence=confidence)

    assert 0 <= lower <= share + 1e-12
    assert share - 1e-12 <= upper <= 1


def test_evenly_spread_failures_count_each_for_itself() -> None:
    """The design effect of blocks that differ no more than chance allows is 1."""
    assert design_effect(moments(block(i, ok=357, failed=3) for i in range(100))) == 1.0


def test_independent_failures_have_a_design_effect_of_about_one() -> None:
    """Each probe a coin of its own, 400 blocks: within chance of 1 (its standard error is 0.07)."""
    dice = random.Random(7)
    blocks = []
    for number in range(400):
        bad = sum(dice.random() < 0.02 for _ in range(360))
        blocks.append(block(number, ok=360 - bad, failed=bad))

    assert 1.0 <= design_effect(moments(blocks)) < 1.2


@given(history=HISTORY)
def test_the_design_effect_is_cochrans(history: list[Block]) -> None:
    """From sums as from the blocks themselves: the variance of a ratio over the binomial one."""
    used = [one for one in history if one.known]
    n, good = sum(one.known for one in used), sum(one.good for one in used)
    expected = 1.0
    if len(used) > 1 and 0 < good < n:
        share = good / n
        squares = sum((one.good - share * one.known) ** 2 for one in used)
        expected = max(1.0, squares * len(used) / (len(used) - 1) / n**2 / (share * (1 - share) / n))

    assert design_effect(moments(history)) == pytest.approx(expected)


def test_an_outage_of_whole_blocks_counts_as_few_observations() -> None:
    """Two blocks of a hundred are down: by Cochran's formula each block is one observation, 60 * 100 / 99."""
    blocks = [block(i, ok=60) for i in range(98)] + [block(i, failed=60) for i in range(98, 100)]
    measured = availability(blocks, confidence=0.95)

    assert measured is not None
    assert measured.design_effect == pytest.approx(60 * 100 / 99)
    assert measured.n == 6000
    assert measured.n_effective == pytest.approx(99)
    assert measured.freedom == 99
    assert (measured.lower, measured.upper) == pytest.approx(wilson(0.98, 99, confidence=0.95, freedom=99))


def test_an_outage_of_all_clusters_is_one_event_not_five() -> None:
    """Ten blocks of time, five clusters, all of them down in one: one of ten, though it is five of fifty."""
    blocks = [
        replace(block(time, **({"failed": 60} if time == 3 else {"ok": 60})), cluster=f"alpha/c{cluster}")
        for time in range(10)
        for cluster in range(5)
    ]
    measured = availability(blocks, confidence=0.95)

    assert measured is not None
    assert measured.design_effect == pytest.approx(300 * 10 / 9)
    assert measured.freedom == 9
    assert measured.n_effective == pytest.approx(9)


@given(st.lists(st.lists(COUNTS, min_size=4, max_size=4), min_size=1, max_size=3))
def test_moments_of_arrays_are_those_of_blocks(rows: list[list[tuple[int, int, int]]]) -> None:
    """Each row is a cluster, each number of it a block of time."""
    blocks = [
        replace(block(i, ok=ok, failed=bad, unknown=unsure), cluster=f"acme/{number}")
        for number, row in enumerate(rows)
        for i, (ok, bad, unsure) in enumerate(row)
    ]
    ok, bad, unsure = np.moveaxis(np.array(rows), -1, 0)

    assert moments_of(ok + bad, bad, unsure) == moments(blocks)


def test_moments_of_other_times_add_up() -> None:
    """What is counted day by day is what is counted at once."""
    blocks = [replace(block(i // 3, ok=50 + i, failed=i % 4), cluster=f"alpha/c{i % 3}") for i in range(60)]

    assert moments(blocks[:30]) + moments(blocks[30:]) == moments(blocks)


def test_few_blocks_make_wide_bounds() -> None:
    """Four blocks of time have three degrees of freedom: t is 2.353 where the normal quantile is 1.645."""
    low, high = wilson(0.98, 100, confidence=0.95, freedom=3)
    z = 2.3533634

    assert low == pytest.approx(
        (0.98 + z * z / 200 - z * (0.98 * 0.02 / 100 + z * z / 40000) ** 0.5) / (1 + z * z / 100)
    )
    assert high > wilson(0.98, 100, confidence=0.95)[1]


@pytest.mark.parametrize("wide_share", [0.0, 0.5])
def test_the_bounds_miss_the_truth_as_seldom_as_they_say(wide_share: float) -> None:
    """
    Eight days, five clusters, outages of one or of all at once: the truth is above the upper bound in 5 %.

    At most 8.5 % of 400, as chance allows (0.1 %). Counted by cluster alone it is 18 % where half fail together.
    """
    chance, missed, trials = random.Random(11), 0, 400
    for _ in range(trials):
        blocks = _outages(chance, wide_share)
        measured = availability(blocks, confidence=0.95)
        assert measured is not None
        missed += measured.upper < 1 - DOWN_SHARE

    assert missed / trials <= 0.085


DOWN_SHARE, OUTAGE_PROBES, CLUSTERS, TIMES, PROBES = 0.02, 20, 5, 32, 360


def _outages(chance: random.Random, wide_share: float) -> list[Block]:
    """Blocks of time, down for OUTAGE_PROBES with such a chance that DOWN_SHARE of probes fail in the long run."""
    found = []
    for time in range(TIMES):
        wide = chance.random() < wide_share * DOWN_SHARE * PROBES / OUTAGE_PROBES
        for cluster in range(CLUSTERS):
            alone = chance.random() < (1 - wide_share) * DOWN_SHARE * PROBES / OUTAGE_PROBES
            failed = OUTAGE_PROBES * (wide + alone)
            found.append(replace(block(time, ok=PROBES - failed, failed=failed), cluster=f"alpha/c{cluster}"))
    return found


def test_nothing_known_is_no_availability() -> None:
    """Only unknown time is not 0 %, not 100 %, but nothing."""
    assert availability([], confidence=0.95) is None
    assert availability([block(unknown=10, not_observed=50)], confidence=0.95) is None


@given(history=HISTORY, unknown=st.integers(1, 500), ours=st.booleans(), where=st.integers(0, 19))
def test_unknown_time_widens_the_interval_on_both_sides(
    history: list[Block], unknown: int, ours: bool, where: int
) -> None:
    """Law 2: it moves no point, and is neither good nor bad: the interval with it holds the interval without it."""
    before = availability(history, confidence=0.95)
    name = "n_not_observed" if ours else "n_unknown"
    number = where % len(history)
    later = [*history]
    later[number] = replace(history[number], **{name: unknown})
    after = availability(later, confidence=0.95)

    if before is None or after is None:
        assert before is after is None
        return
    assert (after.point, after.n, after.design_effect) == (before.point, before.n, before.design_effect)
    assert after.lower <= before.lower <= before.upper <= after.upper
    assert after.all_unknown_bad <= before.all_unknown_bad <= before.all_unknown_good <= after.all_unknown_good
    if 0 < before.point < 1:
        assert after.all_unknown_bad < after.point < after.all_unknown_good


def test_the_interval_reaches_from_all_unknown_bad_to_all_unknown_good() -> None:
    """90 good, 5 failed, 5 unknown: between 90 and 95 of 100."""
    measured = availability([block(ok=80, degraded=10, failed=5, unknown=3, not_observed=2)], confidence=0.95)

    assert measured is not None
    assert (measured.all_unknown_bad, measured.all_unknown_good) == pytest.approx((0.90, 0.95))
    assert measured.point == pytest.approx(90 / 95)
    assert measured.lower == wilson(0.90, 95, confidence=0.95)[0]
    assert measured.upper == wilson(0.95, 95, confidence=0.95)[1]


@pytest.mark.parametrize(("wanted", "probes"), [(0.99, 299), (0.999, 2995), (0.9999, 29956)])
def test_so_many_clean_probes_claim_so_much(wanted: float, probes: int) -> None:
    """Law 12: zero failures in n give 1 - 0.05^(1/n); at one a minute 5 h, 2.1 days and 20.8 days."""
    assert probes_to_claim(wanted) == probes
    assert claimable(probes) >= wanted > claimable(probes - 1)


def test_no_probe_claims_nothing() -> None:
    """Zero probes, zero availability."""
    assert claimable(0) == 0.0
