"""Failing together: every probability equals what brute force counts, chance alone is found as rarely as it says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from collector.judgement.blind_spans import BlindSpan
from collector.judgement.correlation.buckets import DAY_BUCKETS, Both, Mask, Sight, Watched, seen_clearly
from collector.judgement.correlation.chance_by_hour import chance_by_hour
from collector.judgement.correlation.chance_by_shift import chance_by_shift, overlaps
from collector.judgement.correlation.co_failure import CoFailure, Standing, co_failures
from collector.judgement.correlation.episodes import episodes
from collector.judgement.correlation.false_discovery import q_values

DAYS = 10
N = DAYS * DAY_BUCKETS
BEGINS = datetime(2026, 10, 1, tzinfo=UTC)
masks = st.lists(st.booleans(), min_size=12, max_size=12).map(np.array)


def both_of(a: Iterable[bool], b: Iterable[bool], kept: Iterable[bool] | None = None) -> Both:
    """Two small series, down only where they are kept."""
    first, second = np.array(list(a)), np.array(list(b))
    seen = np.ones(first.size, dtype=bool) if kept is None else np.array(list(kept))
    return Both(seen, first & seen, second & seen, 0)


def mask(*runs: tuple[int, int], n: int = N) -> Mask:
    """Down in the buckets [start, start + length) of each run."""
    down = np.zeros(n, dtype=bool)
    for start, length in runs:
        down[start : start + length] = True
    return down


def sight(provider: str, down: Mask, vantage: str = "here", seen: Mask | None = None) -> Sight:
    """A provider that was seen all the time, unless *seen* says otherwise."""
    known = np.ones(down.size, dtype=bool) if seen is None else seen
    return Sight(provider, vantage, known, down & known)


def pair(*sights: Sight) -> CoFailure:
    """The pair of a and b among *sights*."""
    return next(one for one in co_failures(Watched(sights)) if (one.a, one.b) == ("a", "b"))


@given(a=masks, b=masks)
def test_overlaps_of_every_shift_are_what_is_counted(a: Mask, b: Mask) -> None:
    """One shift after the other."""
    assert overlaps(a, b).tolist() == [int((a & np.roll(b, -shift)).sum()) for shift in range(a.size)]


@given(a=masks, b=masks, kept=masks)
def test_the_chance_by_shift_is_what_brute_force_counts(a: Mask, b: Mask, kept: Mask) -> None:
    """The share of shifts that give as large a share of what both were seen in, reality among them."""
    both = both_of(a, b, kept)
    chances = chance_by_shift(both)
    n, seen = both.kept.size, int(both.kept.sum())

    for t in range(min(both.a.sum(), both.b.sum()) + 1):
        as_much = 1
        for shift in range(1, n):
            met = int((both.kept & np.roll(both.kept, -shift)).sum())
            together = int((both.a & np.roll(both.b, -shift)).sum())
            as_much += met == 0 or Fraction(together, met) >= Fraction(t, seen)
        assert chances[t] == pytest.approx(as_much / n)


@given(a=masks, b=masks, kept=masks)
def test_the_chance_by_hour_is_what_brute_force_counts(a: Mask, b: Mask, kept: Mask) -> None:
    """Every way to put each episode on a day at its hour; the larger of both directions."""
    both = both_of(a, b, kept)
    chances = chance_by_hour(both, day=4)

    for t in range(min(both.a.sum(), both.b.sum()) + 1):
        ways = [_enumerated(both.a, both.b, both.kept, t), _enumerated(both.b, both.a, both.kept, t)]
        assert chances[t] == pytest.approx(max(ways))


def _enumerated(moved: Mask, stays: Mask, kept: Mask, t: int) -> float:
    n, counts = moved.size, []
    for start, length in episodes(moved):
        places = [(int(start) + day * 4) % n for day in range(n // 4)]
        held = [[(place + i) % n for i in range(length)] for place in places]
        visible = [spot for spot in held if 2 * sum(kept[spot]) >= length]
        counts.append([int(sum(stays[spot])) for spot in visible])
    totals: dict[int, float] = {0: 1.0}  # a fold over episodes, so that many of them can be enumerated
    for each in counts:
        after: dict[int, float] = {}
        for (so_far, chance), overlap in itertools.product(totals.items(), each):
            after[so_far + overlap] = after.get(so_far + overlap, 0.0) + chance / len(each)
        totals = after
    return math.fsum(chance for total, chance in totals.items() if total >= t)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.01, 0.3), length=st.integers(1, 40))
def test_chance_alone_has_a_small_probability_as_rarely_as_it_says(seed: int, share: float, length: int) -> None:
    """For whatever series: of all shifts of one of them at most a share x has a p of at most x."""
    dice = np.random.default_rng(seed)
    n = 2 * DAY_BUCKETS
    a, b = (_bursty(dice, n, share, length) for _ in range(2))
    ps = []
    for shift in range(n):
        both = both_of(a, np.roll(b, shift))
        ps.append(chance_by_shift(both)[int((both.a & both.b).sum())])

    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(np.array(ps) <= level + 1e-12) <= level + 1e-12


def _bursty(dice: np.random.Generator, n: int, share: float, length: int) -> Mask:
    down = np.zeros(n, dtype=bool)
    for start in dice.integers(0, n, max(1, round(share * n / length))):
        down[(start + np.arange(dice.integers(1, length + 1))) % n] = True
    return down


@given(ps=st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=40))
def test_q_values_are_benjamini_and_hochbergs(ps: list[float]) -> None:
    """As scipy computes them."""
    assert q_values(ps) == pytest.approx(false_discovery_control(ps))


def test_no_pair_has_no_q() -> None:
    """Nothing to divide by."""
    assert q_values(()) == ()
    assert co_failures(Watched(())) == ()


STARTS = (100, 700, 1500, 2222, 2700)


def test_two_that_share_their_outages_are_found_and_counted_as_one() -> None:
    """Five outages of both among ten of one: lift, shares, p, q and what would have been found."""
    mine = mask(*((start, 6) for start in STARTS))
    theirs = mine | mask(*((start, 4) for start in (350, 900, 1800)))
    found = pair(sight("a", mine), sight("b", theirs), sight("c", mask((1000, 5), (1200, 5), (2000, 5))))

    assert (found.n, found.down_a, found.down_b, found.both) == (N, 30, 42, 30)
    assert (found.episodes_a, found.episodes_b, found.episodes_both) == (5, 8, 5)
    assert found.expected == pytest.approx(30 * 42 / N)
    assert found.lift == pytest.approx(N / 42)
    assert found.share == 1.0
    assert found.p is not None and found.p == pytest.approx(1 / N)
    assert found.q == pytest.approx(3 / N)
    assert found.standing is Standing.TOGETHER and found.linked
    assert found.smallest is not None and 3 < found.smallest <= 15


def test_two_that_are_down_at_other_times_are_not_found_and_it_is_said_what_would_have_been() -> None:
    """Not found is no proof of independence."""
    found = pair(sight("a", mask(*((s, 6) for s in STARTS))), sight("b", mask(*((s + 60, 6) for s in STARTS))))

    assert (found.both, found.p, found.standing) == (0, 1.0, Standing.NOT_FOUND)
    assert found.smallest is not None and not found.linked


def test_maintenance_at_the_same_hour_of_every_day_is_no_common_cause() -> None:
    """Both are down at three each night: all shifts alone would accuse them, their hours do not."""
    nights = [(day * DAY_BUCKETS + 36, 6) for day in range(DAYS)]
    found = pair(sight("a", mask(*nights[:7])), sight("b", mask(*nights[3:])))

    assert found.both == 4 * 6
    assert found.p_shift is not None and found.p_shift < 0.01
    assert found.p_hour is not None and found.p_hour > 0.05
    assert found.standing is Standing.NOT_FOUND


@pytest.mark.parametrize(
    ("a", "b", "n"),
    [
        (mask((10, 5), (500, 5)), mask((10, 5), (500, 5)), N),
        (mask((0, N)), mask((0, N)), N),
        (mask(), mask(), N),
        (mask((10, 5), (300, 5), (800, 5), n=4 * DAY_BUCKETS),) * 2 + (4 * DAY_BUCKETS,),
    ],
    ids=["two outages", "down all the time", "never down", "four days"],
)
def test_too_little_is_said_to_be(a: Mask, b: Mask, n: int) -> None:
    """Fewer than three outages of one of them, or fewer than seven days: neither good nor bad."""
    found = pair(sight("a", a), sight("b", b))

    assert (found.n, found.p, found.q, found.standing) == (n, None, None, Standing.INSUFFICIENT)


def test_buckets_in_which_half_of_the_others_fail_too_are_our_own_doubt() -> None:
    """All five fail from here at once, and from there nobody, or all do: then it is not our side, and they are down."""
    ours = mask(*((start, 6) for start in STARTS))
    names = ("a", "b", "c", "d", "e")
    alone = co_failures(Watched([sight(name, ours) for name in names]))
    aided = Watched([*(sight(name, ours) for name in names), *(sight(name, mask(), "there") for name in names)])

    agreed = Watched(sight(name, ours, place) for name in names for place in ("here", "there"))

    assert {one.standing for one in alone} == {Standing.INSUFFICIENT}
    assert {(one.left_out, one.n) for one in alone} == {(30, N - 30)}
    assert {(one.left_out, one.n, one.down_a) for one in co_failures(aided)} == {(0, N, 0)}
    assert {(one.left_out, one.down_a, one.standing) for one in co_failures(agreed)} == {(0, 30, Standing.TOGETHER)}


def test_only_what_both_were_seen_in_from_one_place_counts() -> None:
    """One seen from here, one from there: nothing can be compared."""
    found = pair(sight("a", mask((1, 5))), sight("b", mask((1, 5)), "there"))

    assert (found.n, found.down_a, found.standing) == (0, 0, Standing.INSUFFICIENT)


def test_days_in_which_nothing_was_seen_cost_no_power() -> None:
    """Ten days that were watched of thirty say what ten days say."""
    mine, whole = mask(*((start, 6) for start in STARTS)), np.zeros(3 * N, dtype=bool)
    late, seen = whole.copy(), whole.copy()
    late[N : 2 * N], seen[N : 2 * N] = mine, True
    short = pair(sight("a", mine), sight("b", mine))

    assert pair(sight("a", late, seen=seen), sight("b", late, seen=seen)) == short
    assert short.standing is Standing.TOGETHER


def test_what_a_vantage_saw_while_it_was_blind_is_left_out() -> None:
    """The buckets that the span touches, and those after a span that has no end."""
    spans = (
        BlindSpan("here", BEGINS + timedelta(minutes=12), BEGINS + timedelta(minutes=21)),
        BlindSpan("here", BEGINS + timedelta(days=9), None),
        BlindSpan("there", BEGINS, None),
    )
    (clear,) = seen_clearly([sight("a", mask((0, 6)))], spans, BEGINS)

    assert np.flatnonzero(~clear.seen).tolist() == [2, 3, 4, *range(9 * DAY_BUCKETS, N)]
    assert np.flatnonzero(clear.down).tolist() == [0, 1, 5]
