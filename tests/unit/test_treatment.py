"""Fresh accounts that fare worse are noticed with their evidence; the same hours for both, or nothing is said."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.judgement.double_standard import ALPHA, Comparison, DoubleStandard, Logs
from collector.judgement.integrity.treatment import REASONS, Groups, Seen, known_and_fresh, treatment
from schemas.evidence import ACCUSING, Grade, Standing

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
CONFIDENCE = 0.95


def seen(
    dice: random.Random, share_of: Callable[[int], float], *, hours: int = 100, median_ms: float = 300
) -> list[Seen]:
    """40 requests an hour of which *share_of* it fails."""
    made = []
    for hour in range(hours):
        logs = [math.log(median_ms) + 0.3 * dice.gauss(0, 1) for _ in range(40)]
        failed = sum(dice.random() < share_of(hour) for _ in range(40))
        sums = Logs(40, sum(logs), sum(one * one for one in logs))
        made.append(Seen("acme/east/m", FIRST + timedelta(hours=hour), 40, failed, sums))
    return made


def test_fresh_accounts_that_fail_more_are_noticed() -> None:
    """Three points: with bounds, p, e, the smallest that would have shown, and no accusation."""
    dice = random.Random(1)
    found = known_and_fresh("acme", seen(dice, lambda _: 0.01), seen(dice, lambda _: 0.04), confidence=CONFIDENCE)

    assert (found.standing, found.reason) == (Standing.NOTICED, "known_accounts_treated_better")
    assert found.low is not None and found.high is not None
    assert found.low < 0.03 < found.high
    assert found.e == pytest.approx(0.3 * (2 * ALPHA) ** -0.7)
    assert found.n == 8000
    assert found.family not in ACCUSING
    assert found.grade is Grade.BADGE
    assert found.smallest.endswith("power .5")
    assert found.said == REASONS[found.reason]


def test_a_first_token_that_comes_later_for_fresh_accounts_is_noticed() -> None:
    """1.3 times later, nothing failed."""
    dice = random.Random(2)
    known, fresh = seen(dice, lambda _: 0.0), seen(dice, lambda _: 0.0, median_ms=390)
    assert known_and_fresh("acme", known, fresh, confidence=CONFIDENCE).reason == "known_accounts_treated_better"


def test_hours_that_only_one_of_them_saw_do_not_count() -> None:
    """The fresh account asked on the evening of the outage, the known one did not."""
    dice = random.Random(3)
    known = [one for one in seen(dice, lambda _: 0.01) if one.start.hour != 20]
    fresh = [one for one in seen(dice, lambda hour: 0.9 if hour % 24 == 20 else 0.01) if one.start.hour != 3]
    found = known_and_fresh("acme", known, fresh, confidence=CONFIDENCE)
    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "treated_alike")


def test_rows_of_one_hour_are_summed_in_any_order() -> None:
    """Several accounts on either side."""
    dice = random.Random(4)
    known, fresh = seen(dice, lambda _: 0.01), seen(dice, lambda _: 0.04)
    halves = [
        Seen(one.target, one.start, n, failed, Logs(0, 0.0, 0.0))
        for one in fresh
        for n, failed in ((30, one.failed), (10, 0))
    ]
    whole = [Seen(one.target, one.start, 40, one.failed, Logs(0, 0.0, 0.0)) for one in fresh]
    judged = [known_and_fresh("acme", known, one, confidence=CONFIDENCE) for one in (halves, halves[::-1], whole)]
    assert judged[0] == judged[1] == judged[2]


@pytest.mark.parametrize("hours", [0, 9])
def test_too_little_of_the_same_is_insufficient(hours: int) -> None:
    """Nothing, or fewer than ten hours."""
    dice = random.Random(5)
    both = [seen(dice, lambda _: 0.5, hours=hours) for _ in range(2)]
    found = known_and_fresh("acme", *both, confidence=CONFIDENCE)
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "too_little_of_the_same", 1.0)


def test_probes_against_traffic_keep_their_own_reason() -> None:
    """The comparison that the pages show, as evidence."""
    worse = Comparison(0.02, 0.01, 0.03, 1e-6, 0.005, 5000, 3000, 100)
    found = treatment("acme", DoubleStandard(worse, None), Groups.PROBES_AND_TRAFFIC)
    assert (found.reason, found.check) == ("probes_treated_better", "treatment_probes_and_traffic")
    assert "first token: too little of the same was seen of both" in found.arithmetic


def test_the_mean_of_e_is_at_most_one_when_both_are_treated_alike() -> None:
    """400 honest fortnights."""
    es = []
    for seed in range(400):
        dice = random.Random(seed)
        both = [seen(dice, lambda _: 0.02, hours=20) for _ in range(2)]
        es.append(known_and_fresh("acme", *both, confidence=CONFIDENCE).e)
    assert np.mean(es) <= 1
