"""Suspect needs two families and E of 1000, or one replicated contradiction, and seven days to reply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.suspicion import (
    DEFAULT_RULE,
    WEIGHTS,
    Reply,
    Route,
    Rule,
    Stage,
    Suspicion,
    combined,
    suspicion,
    suspicions,
)
from schemas.evidence import ACCUSING, Evidence, Family, Grade, Standing

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=30)


def said(
    family: Family,
    e: float = 1.0,
    *,
    grade: Grade = Grade.STATISTICAL,
    standing: Standing = Standing.CONTRADICTED,
    days: int = 0,
    vantages: int = 0,
) -> Evidence:
    """Evidence of a check of that family."""
    return Evidence(
        check=f"{family}_check", family=family, grade=grade, subject="p/c", claim="", standing=standing, reason="",
        said="", e=e, days=days, vantages=vantages,
    )  # fmt: skip


def weighed(*evidence: Evidence, reached: datetime | None = LONG_AGO, reply: Reply | None = None) -> Suspicion:
    """One provider, which e-BH reports."""
    return suspicion("p", evidence, NOW, discovered=True, reached=reached, reply=reply)


TWO = (said(Family.IDENTITY, 4000.0), said(Family.BILLING, 200.0))
REPLICATED = said(Family.GEO, 100.0, grade=Grade.CONTRADICTION, days=2, vantages=2)


def test_two_families_and_a_thousand_make_suspect_with_the_arithmetic() -> None:
    """0.25 x 4000 + 0.25 x 200 + 0.5 for the two families without evidence."""
    found = weighed(*TWO)

    assert (found.stage, found.route) == (Stage.SUSPECT, Route.FAMILIES)
    assert found.e == pytest.approx(0.25 * 4000 + 0.25 * 200 + 0.5)
    assert found.families == (Family.BILLING, Family.IDENTITY)
    assert found.missing == ()
    assert "identity: 0.25 x 4000, the mean of identity_check p/c 4000" in found.arithmetic
    assert "geo: 0.25 x 1, the mean of nothing, which is 1" in found.arithmetic
    assert found.arithmetic[-1] == "E = 1050, needed 1000" or found.arithmetic[-1].startswith("E = 105")


@pytest.mark.parametrize(
    ("evidence", "missing"),
    [
        ((), "0 families accuse, 2 are needed"),
        ((said(Family.IDENTITY, 1e9),), "1 families accuse, 2 are needed"),
        ((said(Family.IDENTITY, 300.0), said(Family.BILLING, 300.0)), "E is 150.5, 1000 are needed"),
        ((said(Family.IDENTITY, 1e9), said(Family.CACHE, 1e9)), "1 families accuse, 2 are needed"),
        ((said(Family.IDENTITY, 1e9), said(Family.CHANGE, 1e9, grade=Grade.CHANGE)), "1 families accuse, 2 are needed"),
        (
            (said(Family.IDENTITY, 1e9), said(Family.BILLING, 1e9, standing=Standing.NOT_REJECTED)),
            "1 families accuse, 2 are needed",
        ),
        (
            (said(Family.IDENTITY, 1e9), said(Family.GEO, 1e9, standing=Standing.NOTICED)),
            "1 families accuse, 2 are needed",
        ),
    ],
)
def test_less_than_that_is_below_the_line_and_says_what_is_missing(
    evidence: tuple[Evidence, ...], missing: str
) -> None:
    """One family alone never suffices; neither does one that accuses nobody."""
    found = weighed(*evidence)

    assert (found.stage, found.route, found.reply_until) == (Stage.BELOW, Route.NONE, None)
    assert missing in found.missing


def test_what_e_bh_does_not_report_is_below_the_line() -> None:
    """A thousand among ten thousand providers is chance."""
    found = suspicion("p", TWO, NOW, discovered=False, reached=LONG_AGO)

    assert found.stage is Stage.BELOW
    assert found.missing[0] == "e-BH over all providers at q = 0.05 does not report it"
    others = {f"p{place}": [said(Family.IDENTITY)] for place in range(99)}
    both = suspicions({**others, "p": TWO}, NOW, reached={}, replies={})
    assert not both["p"].discovered  # 100 / 0.05 = 2000 are needed of one alone
    assert suspicions({"p": TWO, "p0": []}, NOW, reached={"p": LONG_AGO}, replies={})["p"].stage is Stage.SUSPECT


@pytest.mark.parametrize(
    ("one", "enough"),
    [
        (REPLICATED, True),
        (replace(REPLICATED, days=1), False),
        (replace(REPLICATED, vantages=1), False),
        (replace(REPLICATED, grade=Grade.STATISTICAL), False),
        (replace(REPLICATED, family=Family.CACHE), False),
        (replace(REPLICATED, standing=Standing.NOTICED), False),
    ],
)
def test_one_contradiction_of_class_a_suffices_when_it_is_replicated(one: Evidence, enough: bool) -> None:
    """Two days and two vantages, of a family that accuses."""
    assert (weighed(one).route is Route.CONTRADICTION) is enough


def test_replication_is_of_one_check_and_not_of_two_together() -> None:
    """One day here and one day there are not two."""
    once = replace(REPLICATED, days=1, vantages=2)

    assert weighed(once, replace(once, family=Family.HARDWARE)).route is Route.NONE


@pytest.mark.parametrize(
    ("days_ago", "reply", "stage"),
    [
        (0, None, Stage.REPLY_OPEN),
        (6.99, None, Stage.REPLY_OPEN),
        (7, None, Stage.SUSPECT),
        (1, Reply(NOW, accepted=True), Stage.EXPLAINED),
        (30, Reply(NOW, accepted=True), Stage.EXPLAINED),
        (1, Reply(NOW, accepted=False), Stage.REPLY_OPEN),
        (8, Reply(NOW - timedelta(days=4), accepted=False), Stage.SUSPECT),
        (8, Reply(NOW - timedelta(days=2)), Stage.REPLY_OPEN),
        (14, Reply(NOW - timedelta(days=8)), Stage.SUSPECT),
        (8, Reply(NOW), Stage.SUSPECT),
    ],
)
def test_the_right_of_reply_is_seven_days_and_once_seven_more_to_weigh_it(
    days_ago: float, reply: Reply | None, stage: Stage
) -> None:
    """A reply that comes in time and that nobody has weighed holds it; one that comes late does not."""
    assert weighed(REPLICATED, reached=NOW - timedelta(days=days_ago), reply=reply).stage is stage


def test_the_line_is_first_reached_now_when_nobody_kept_an_instant() -> None:
    """The clock of the reply starts."""
    found = weighed(REPLICATED, reached=None)

    assert (found.reached, found.reply_until) == (NOW, NOW + timedelta(days=7))
    assert found.missing == ("the right of reply ends 2026-03-08 00:00 UTC",)


def test_a_cluster_that_lies_is_not_hidden_by_four_that_do_not_but_weighs_less() -> None:
    """The mean over a family's evidence is an e-value; the largest of it would be none."""
    lies, others = said(Family.IDENTITY, 50_000.0), [said(Family.IDENTITY, 0.5, standing=Standing.NOT_REJECTED)] * 4

    assert combined([lies, *others], WEIGHTS) == pytest.approx(0.25 * 50_002 / 5 + 0.75)


def test_evidence_of_class_c_and_badges_weigh_nothing() -> None:
    """Whatever e they carry."""
    assert combined([said(Family.GEO, 1e9, grade=Grade.BADGE), said(Family.CHANGE, 1e9)], WEIGHTS) == 1.0


def test_fair_evidence_reaches_a_line_as_rarely_as_markov_says() -> None:
    """E-values of mean 1 that are tied together in every family: E >= 20 on at most one in twenty."""
    chance = np.random.default_rng(1)
    hits = 0
    for _ in range(4000):
        e = 30.0 * (chance.random() < 1 / 30)
        hits += combined([said(family, e) for family in sorted(ACCUSING)], WEIGHTS) >= 20

    assert 0.02 < hits / 4000 <= 0.05


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda some: sum(some) > 0.01))
def test_weights_are_declared_and_sum_to_one(some: list[float]) -> None:
    """Any others are refused."""
    weights = {family: weight / sum(some) for family, weight in zip(sorted(ACCUSING), some, strict=True)}

    assert combined([], Rule(weights=weights).weights) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="sum to 1"):
        Rule(weights={family: weight + 0.1 for family, weight in weights.items()})
    with pytest.raises(ValueError, match="only these families accuse"):
        Rule(weights={Family.CACHE: 1.0})
    assert DEFAULT_RULE.weights == dict.fromkeys(ACCUSING, 0.25)
