"""Clients that fare worse are noticed with their evidence; the same hours for both, or nothing is said."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from collector.judgement.double_standard import ALPHA, RATIO_MIN, FailureStratum, Logs, TtftStratum
from collector.judgement.integrity.catalog import PROVIDER_CHECKS, examined
from collector.judgement.integrity.subject import ProviderSubject
from collector.judgement.integrity.suspicion import Route, Stage, suspicion
from collector.judgement.integrity.treatment import REASONS, Groups, Strata, treatment
from schemas.evidence import ACCUSING, Evidence, Family, Grade, Standing

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CONFIDENCE = 0.95
A_BLOCK = 40  # requests of either group
Share = Callable[[int], float]


def logs(dice: random.Random, median_ms: float) -> Logs:
    """As many times to first token around a median."""
    values = [math.log(median_ms) + 0.3 * dice.gauss(0, 1) for _ in range(A_BLOCK)]
    return Logs(A_BLOCK, sum(values), sum(one * one for one in values))


def strata(known: Share, fresh: Share, *, seed: int, blocks: int = 100, fresh_ms: float = 300) -> Strata:
    """Blocks of either group, of which such a share fails."""
    dice = random.Random(seed)
    failed = [[sum(dice.random() < of(at) for _ in range(A_BLOCK)) for of in (known, fresh)] for at in range(blocks)]
    return Strata(
        tuple(FailureStratum(A_BLOCK, a, A_BLOCK, b) for a, b in failed),
        tuple(TtftStratum(logs(dice, 300), logs(dice, fresh_ms)) for _ in range(blocks)),
    )


def of_accounts(seen: Strata) -> Evidence:
    """The evidence of known accounts against fresh ones."""
    return treatment("acme", Groups.KNOWN_AND_FRESH, seen, confidence=CONFIDENCE)


def test_fresh_accounts_that_fail_more_are_noticed() -> None:
    """Three points: with bounds, p, e, the smallest that would have shown, and no accusation."""
    found = of_accounts(strata(lambda _: 0.01, lambda _: 0.04, seed=1))

    assert (found.standing, found.reason) == (Standing.NOTICED, "known_accounts_treated_better")
    assert found.low is not None and found.high is not None
    assert found.low < 0.03 < found.high
    assert (found.p, found.e) == (2 * ALPHA, pytest.approx(0.3 * (2 * ALPHA) ** -0.7))
    assert found.n == 8000
    assert found.family not in ACCUSING
    assert found.grade is Grade.BADGE
    assert found.smallest.endswith("power .5")
    assert found.said == REASONS[found.reason]


def test_a_first_token_that_comes_later_is_what_is_shown_when_that_is_what_is_noticed() -> None:
    """1.3 times later, nothing failed: the measurement is of the times."""
    found = of_accounts(strata(lambda _: 0.0, lambda _: 0.0, seed=2, fresh_ms=390))

    assert found.reason == "known_accounts_treated_better"
    assert (found.threshold, found.unit) == (RATIO_MIN, "times as late a first token")
    assert found.value == pytest.approx(1.3, rel=0.02)


def test_what_is_proven_is_shown_before_what_is_too_small_to_be_worth_saying() -> None:
    """A first token 1.06 times as late is more surprising than two points more failures, and says nothing."""
    found = of_accounts(strata(lambda _: 0.01, lambda _: 0.03, seed=3, blocks=200, fresh_ms=318))

    assert found.reason == "known_accounts_treated_better"
    assert found.unit == "difference of the failed shares"


def test_hours_that_are_bad_for_both_are_not_held_against_the_provider() -> None:
    """Every tenth hour nine of ten fail, whoever asks; what only one of them saw is left out."""

    def bad(at: int) -> float:
        return 0.9 if at % 10 == 0 else 0.01

    seen = strata(bad, bad, seed=4)
    alone = tuple(FailureStratum(0, 0, A_BLOCK, A_BLOCK) for _ in range(20))
    found = of_accounts(Strata(seen.failures + alone, seen.first_tokens))
    assert (found.standing, found.reason) == (Standing.NOT_REJECTED, "treated_alike")


@pytest.mark.parametrize("blocks", [0, 9])
def test_too_little_of_the_same_is_insufficient(blocks: int) -> None:
    """Nothing, or fewer than ten blocks."""
    found = of_accounts(strata(lambda _: 0.5, lambda _: 0.9, seed=5, blocks=blocks))
    assert (found.standing, found.reason, found.e) == (Standing.INSUFFICIENT, "too_little_of_the_same", 1.0)


def test_probes_against_traffic_have_their_own_reason() -> None:
    """And what was not seen of both is said."""
    seen = Strata(strata(lambda _: 0.01, lambda _: 0.04, seed=6).failures)
    found = treatment("acme", Groups.PROBES_AND_TRAFFIC, seen, confidence=CONFIDENCE)
    assert (found.reason, found.check) == ("probes_treated_better", "treatment_probes_and_traffic")
    assert "first token: too little of the same was seen of both" in found.arithmetic


def test_the_catalogue_compares_both_pairs_of_groups() -> None:
    """Of a provider of whom nothing is known too: insufficient, with the reason."""
    seen = {Groups.PROBES_AND_TRAFFIC: strata(lambda _: 0.01, lambda _: 0.04, seed=7), Groups.KNOWN_AND_FRESH: Strata()}
    found = examined(ProviderSubject("acme", seen, CONFIDENCE))

    assert set(PROVIDER_CHECKS) == {"treatment"}
    assert [(one.check, one.subject, one.standing) for one in found] == [
        ("treatment_probes_and_traffic", "acme", Standing.NOTICED),
        ("treatment_known_and_fresh", "acme", Standing.INSUFFICIENT),
    ]
    assert all(one.said and one.arithmetic for one in found)


def test_however_badly_clients_are_treated_it_never_leads_to_suspect() -> None:
    """Not alone, and not as the second family beside a contradiction that is overwhelming."""
    worst = of_accounts(strata(lambda _: 0.0, lambda _: 1.0, seed=8, fresh_ms=30_000))
    bills = replace(worst, check="bills", family=Family.BILLING, grade=Grade.STATISTICAL,
                    standing=Standing.CONTRADICTED, e=1e9)  # fmt: skip
    assert worst.standing is Standing.NOTICED
    for others in ((), (bills,)):
        without, found = (suspicion("acme", some, NOW, discovered=True) for some in (others, (*others, worst)))
        assert (found.stage, found.route, found.reply_until) == (Stage.BELOW, Route.NONE, None)
        assert (found.e, found.families) == (without.e, without.families)


def test_the_mean_of_e_is_at_most_one_when_both_are_treated_alike() -> None:
    """400 honest fortnights."""
    es = [of_accounts(strata(lambda _: 0.02, lambda _: 0.02, seed=seed, blocks=20)).e for seed in range(400)]
    assert np.mean(es) <= 1
