"""Burn rates open incidents, are joined and get worse like outages, end when clear, and never page an outage twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from collector.judgement.blind_spans import blind_spans
from collector.judgement.burn_rate import BurnReading, BurnVerdict
from schemas.incident import Change, IncidentState, Level, Scope, Severity, Signal
from tests.support.judge import FAILED, OK, Judge
from tests.support.observations import TICK

PAGE, TICKET, HOLDING, CLEAR, UNKNOWN = (
    BurnVerdict.PAGE, BurnVerdict.TICKET, BurnVerdict.HOLDING, BurnVerdict.CLEAR, BurnVerdict.UNKNOWN,
)  # fmt: skip


def reading(
    target: str, verdict: BurnVerdict, second: float = 0, signal: Signal = Signal.ERROR_BURN, short_s: float = 300
) -> BurnReading:
    """How *target* stands, *second* s after TICK."""
    provider, cluster, _ = target.split("/")
    at = TICK + timedelta(seconds=second)
    return BurnReading(
        scope=Scope(Level.TARGET, target), provider=provider, cluster=f"{provider}/{cluster}", signal=signal,
        objective="chat/slow" if verdict is TICKET else "chat", verdict=verdict,
        rule="burns 21x over 1 h and 36x over 5 m (at least 14.4x)", at=at, since=at - timedelta(minutes=3),
        reason="http_5xx", short=timedelta(seconds=short_s),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "burns", "severity", "signal"),
    [
        (PAGE, Signal.ERROR_BURN, Severity.P1, Signal.ERROR_BURN),
        (PAGE, Signal.LATENCY_BURN, Severity.P2, Signal.LATENCY_BURN),
        (TICKET, Signal.ERROR_BURN, Severity.P3, Signal.SLOW_BURN),
        (TICKET, Signal.LATENCY_BURN, Severity.P3, Signal.SLOW_BURN),
    ],
)
def test_a_burn_rate_that_fires_opens_an_incident(
    verdict: BurnVerdict, burns: Signal, severity: Severity, signal: Signal
) -> None:
    """As bad as the policy says, with the rule's numbers."""
    judge = Judge()
    judge.decide(0, burns=[reading("acme/east/chat", verdict, signal=burns)])
    judge.decide(1)

    (page,) = judge.pages
    assert (page.change, page.severity, page.signal, page.scope.id) == (
        Change.OPENED,
        severity,
        signal,
        "acme/east/chat",
    )
    assert page.rule == "burns 21x over 1 h and 36x over 5 m (at least 14.4x)"
    assert page.evidence.certainty == f"objective chat{'/slow' if verdict is TICKET else ''}"


@pytest.mark.parametrize("verdict", [HOLDING, CLEAR, UNKNOWN])
def test_what_does_not_fire_opens_nothing(verdict: BurnVerdict) -> None:
    """Nor is it remembered."""
    judge = Judge()
    judge.decide(0, burns=[reading("acme/east/chat", verdict)])

    assert (judge.pages, judge.state.burning) == ([], {})


def test_what_a_blind_vantage_saw_burns_no_budget() -> None:
    """While it is blind, and until every budget has been read without it; what burns after that is said."""
    judge = Judge()
    judge.tick(0, FAILED, "acme", "bolt", "coil", "dyne")
    judge.decide(15, burns=[reading("acme/east/chat", PAGE, 15)])
    assert [page.scope.level for page in judge.pages] == [Level.OBSERVER]
    for second in (20, 30, 40):
        judge.tick(second, OK, "acme")
    assert judge.newest().state is IncidentState.RESOLVED
    judge.decide(60, burns=[reading("acme/east/chat", PAGE, 60)])
    judge.decide(400, burns=[reading("acme/east/chat", CLEAR, 400), reading("coil/one/chat", PAGE, 400)])
    judge.decide(403, burns=[reading("coil/one/chat", PAGE, 403)])
    judge.decide(406)

    assert [(page.scope.id, page.change) for page in judge.pages] == [
        ("here", Change.OPENED), ("here", Change.RESOLVED), ("coil/one/chat", Change.OPENED),
    ]  # fmt: skip
    (span,) = blind_spans(judge.state.incidents.values())
    assert (span.vantage, span.start < TICK, span.end) == ("here", True, TICK + timedelta(seconds=42))


def test_one_more_bad_one_beside_an_outage_that_is_over_is_no_news() -> None:
    """While a long window holds the outage a single failure would fire; three of them in the short one are news."""
    judge = Judge()
    judge.tick(0, FAILED, "coil/one")
    for second in (10, 20, 30):
        judge.tick(second, OK, "coil/one")
    assert judge.only().state is IncidentState.RESOLVED
    stale = replace(reading("coil/one/chat", PAGE, 1000), long=timedelta(hours=1), fresh=False)
    judge.decide(1000, burns=[stale])
    judge.decide(1003)
    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED]
    judge.decide(1020, burns=[replace(stale, fresh=True)])
    judge.decide(1023)

    assert [page.signal for page in judge.pages[2:]] == [Signal.ERROR_BURN]


def test_what_burns_slowly_after_it_burnt_fast_is_reopened_as_that() -> None:
    """And stays: not resolved by the fast budget, which is clear."""
    judge = Judge()
    judge.decide(0, burns=[reading("acme/east/chat", TICKET)])
    judge.decide(10, burns=[reading("acme/east/chat", PAGE, 10)])
    judge.decide(60, burns=[reading("acme/east/chat", CLEAR, 60)])
    fast = judge.only()
    assert (fast.signal, fast.state) == (Signal.ERROR_BURN, IncidentState.RESOLVED)
    for second in (400, 415, 430):
        judge.decide(second, burns=[reading("acme/east/chat", TICKET, second)])

    slow = judge.newest()
    assert (slow.signal, slow.state, slow.severity) == (Signal.SLOW_BURN, IncidentState.OPEN, Severity.P3)
    assert [page.change for page in judge.pages].count(Change.REOPENED) <= 1


def test_what_a_window_of_days_remembers_opens_another_incident_each_time() -> None:
    """Not one that is over and forgotten: its number would begin anew, and no store keeps two of one name."""
    judge, first_bad = Judge(), TICK - timedelta(hours=1)
    hours = (0, 7, 14, 21)
    for hour in hours:
        second = hour * 3600.0
        judge.decide(second, burns=[replace(reading("acme/east/chat", TICKET, second), since=first_bad)])
        judge.decide(second + 2)
        judge.decide(second + 60, burns=[reading("acme/east/chat", CLEAR, second + 60)])
        judge.decide(second + 61, burns=[replace(reading("acme/east/chat", CLEAR, second + 61), objective="chat/slow")])

    opened = [page for page in judge.pages if page.change is Change.OPENED]
    assert len({page.incident for page in opened}) == len(opened) == len(hours)


def test_only_clear_ends_it() -> None:
    """Holding and unknown keep it; unknown marks it as blind."""
    judge = Judge()
    for second, verdict in ((0, PAGE), (15, HOLDING), (30, UNKNOWN), (45, PAGE)):
        judge.decide(second, burns=[reading("acme/east/chat", verdict, second)])
    assert [change for _, change in judge.changes] == [
        Change.OPENED, Change.RECOVERING, Change.BLIND, Change.SEEING, Change.RELAPSED,
    ]  # fmt: skip
    assert judge.only().state is IncidentState.OPEN
    judge.decide(60, burns=[reading("acme/east/chat", CLEAR, 60)])

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED]


def test_a_ticket_that_burns_faster_is_raised_in_place() -> None:
    """P3, then P1, one incident."""
    judge = Judge()
    judge.decide(0, burns=[reading("acme/east/chat", TICKET)])
    judge.decide(1)
    judge.decide(15, burns=[reading("acme/east/chat", PAGE, 15)])

    assert judge.said() == [(Change.OPENED, Severity.P3), (Change.PROMOTED, Severity.P1)]


def test_targets_that_burn_together_are_one_incident() -> None:
    """Half of the clusters: the provider."""
    judge = Judge()
    judge.decide(0, burns=[reading("acme/east/chat", PAGE), reading("acme/west/chat", PAGE)])
    judge.decide(1)

    (page,) = judge.pages
    assert (page.scope, page.severity) == (Scope(Level.PROVIDER, "acme"), Severity.P1)
    assert page.rule.startswith("2 of 4 clusters burning, 0 more failing")


def test_an_outage_takes_the_burn_rate_over_in_place() -> None:
    """A brown-out that becomes an outage is the same incident, worse: one key; and it is down since it is down."""
    judge = Judge()
    judge.tick(0, OK, "bolt")
    judge.decide(2, burns=[reading("bolt/one/chat", PAGE)])
    judge.decide(4)
    judge.tick(10, FAILED, "bolt")

    assert judge.said() == [(Change.OPENED, Severity.P1), (Change.PROMOTED, Severity.P0)]
    assert judge.only().signal is Signal.HARD_DOWN
    assert [page.failed_at - TICK for page in judge.pages] == [timedelta(minutes=-3), timedelta(seconds=10)]


def test_the_burn_rate_of_an_outage_is_no_second_incident() -> None:
    """Neither during it, nor while the short window still holds it; after that it is news."""
    judge = Judge()
    judge.tick(0, FAILED, "bolt")
    judge.decide(4, burns=[reading("bolt/one/chat", PAGE, 4)])
    for second in (10, 20, 30):
        judge.tick(second, OK, "bolt")
    judge.decide(100, burns=[reading("bolt/one/chat", PAGE, 100)])
    judge.decide(330, burns=[reading("bolt/one/chat", PAGE, 330)])
    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED]
    judge.decide(333, burns=[reading("bolt/one/chat", PAGE, 333)])
    judge.decide(335)

    assert [page.signal for page in judge.pages[2:]] == [Signal.ERROR_BURN]
