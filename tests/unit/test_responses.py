"""What people say about incidents: acknowledged, taken back, escalated, held back, closed by hand, exercised."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from schemas.incident import Change, IncidentState, Level, Scope, Severity
from schemas.paging import Paging
from schemas.response import (
    Acknowledge,
    Close,
    Exercise,
    Suppress,
    Suppression,
    SuppressionKind,
    Unacknowledge,
    Unsuppress,
    suppression_id,
)
from tests.support.judge import FAILED, OK, Judge
from tests.support.observations import TICK

LADDER = Paging.model_validate(
    {
        "destinations": {
            name: {"kind": "webhook", "url": f"http://127.0.0.1:1/{name}"} for name in ("first", "lead", "head")
        },
        "escalation": [{"after": "5m", "to": ["lead"]}, {"after": "15m", "to": ["head"]}],
    }
)


def down(judge: Judge, where: str = "bolt") -> str:
    """An incident of *where*, paged; its id."""
    judge.tick(0, FAILED, where)
    judge.decide(4)
    return judge.newest().id


def suppression(
    scope: str,
    *,
    starts_s: float = 0,
    lasts: timedelta = timedelta(hours=1),
    every: timedelta | None = None,
    expires: timedelta = timedelta(days=30),
    zone: str = "UTC",
    kind: SuppressionKind = SuppressionKind.MAINTENANCE,
) -> Suppression:
    """A window over *scope*."""
    starts = TICK + timedelta(seconds=starts_s)
    return Suppression(
        id=suppression_id(kind, scope, "ana", starts), kind=kind, scope=scope, owner="ana", why="driver upgrade",
        starts=starts, lasts=lasts, every=every, expires=starts + expires, zone=zone,
    )  # fmt: skip


def hold(judge: Judge, scope: str, *, second: float = -10, lasts: timedelta = timedelta(hours=1)) -> Suppression:
    """A window over *scope* that counts from *second*."""
    window = suppression(scope, starts_s=second, lasts=lasts)
    assert judge.decide(second, (), Suppress(suppression=window, by="ana", via="cli")).said[0].refused == ""
    return window


def test_an_acknowledgement_is_a_state_a_transition_and_an_update() -> None:
    """Who, how, until when; the destinations that were told hear of it."""
    judge = Judge()
    id = down(judge)
    decision = judge.decide(10, (), Acknowledge(incident=id, by="ana", via="cli"))

    assert decision.said[0].refused == ""
    assert [(one.change, one.state) for one in decision.transitions] == [(Change.ACKNOWLEDGED, IncidentState.ACKED)]
    assert decision.transitions[0].cause == "by ana (cli), until 12:30:10 UTC"
    (page,) = decision.intents
    assert (page.change, page.acknowledged_by) == (Change.ACKNOWLEDGED, "ana")
    assert page.summary.startswith("P0 acknowledged by ana: provider bolt is down")


def test_an_acknowledgement_lapses_after_half_an_hour() -> None:
    """Then nobody has it, and the ladder begins anew."""
    judge = Judge(LADDER)
    id = down(judge)
    judge.decide(10, (), Acknowledge(incident=id, by="ana", via="cli"))
    assert judge.decide(1800).transitions == ()
    lapsed = judge.decide(1811)

    assert [one.change for one in lapsed.transitions] == [Change.LAPSED]
    assert judge.only().state is IncidentState.OPEN
    assert judge.decide(1811 + 299).transitions == ()
    assert [one.change for one in judge.decide(1811 + 301).transitions] == [Change.ESCALATED]


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, None])
def test_what_is_not_open_cannot_be_acknowledged(state: IncidentState | None) -> None:
    """The answer says so, and nothing changes."""
    judge = Judge()
    id = down(judge) if state else "inc-000000000000"
    if state:
        for second in (5, 10, 15):
            judge.tick(second, OK, "bolt")
    decision = judge.decide(20, (), Acknowledge(incident=id, by="ana", via="cli"))

    assert decision.said[0].refused == f"no open incident has the id '{id}'"
    assert (decision.transitions, decision.intents) == ((), ())


def test_an_acknowledgement_can_be_taken_back_once() -> None:
    """The second time there is none."""
    judge = Judge()
    id = down(judge)
    judge.decide(10, (), Acknowledge(incident=id, by="ana", via="cli"))
    back = Unacknowledge(incident=id, by="ben", via="api")

    assert [one.cause for one in judge.decide(20, (), back).transitions] == ["taken back by ben (api)"]
    assert judge.decide(21, (), back).said[0].refused == f"{id} is acknowledged by nobody"


def test_an_acknowledgement_lapses_when_it_gets_worse() -> None:
    """Acked as one cluster, then the provider: the page is heard again by everybody."""
    judge = Judge()
    id = down(judge, "acme/east")
    judge.decide(10, (), Acknowledge(incident=id, by="ana", via="cli"))
    worse = judge.tick(20, FAILED, "acme")

    assert [(one.change, one.state, one.severity) for one in worse.transitions] == [
        (Change.PROMOTED, IncidentState.OPEN, Severity.P0)
    ]
    assert judge.newest().acknowledged is None


def test_an_acknowledged_incident_recovers_relapses_and_is_over() -> None:
    """A relapse is still somebody's."""
    judge = Judge()
    id = down(judge)
    judge.decide(6, (), Acknowledge(incident=id, by="ana", via="cli"))
    states = []
    for second, outcome in ((10, OK), (15, FAILED), (20, OK), (25, OK), (30, OK)):
        judge.tick(second, outcome, "bolt")
        states.append(judge.newest().state)

    assert states == [
        IncidentState.RECOVERING, IncidentState.ACKED, IncidentState.RECOVERING, IncidentState.RECOVERING,
        IncidentState.RESOLVED,
    ]  # fmt: skip


def test_what_nobody_takes_goes_up_the_ladder_step_by_step() -> None:
    """5 and 15 minutes after it was said; each step once; its destinations are named."""
    judge = Judge(LADDER)
    down(judge)
    seconds = [second for second in range(5, 3000, 5) if judge.decide(second).intents]
    climbed = judge.pages[1:]

    assert [(page.change, page.only) for page in climbed] == [
        (Change.ESCALATED, ("lead",)),
        (Change.ESCALATED, ("head",)),
    ]
    assert [second - 4 for second in seconds] == [301, 901]  # said at 4 s, looked at every 5
    assert climbed[0].summary.startswith("P0 nobody has it: provider bolt is down")


def test_an_acknowledgement_stops_the_ladder() -> None:
    """Half an hour of quiet."""
    judge = Judge(LADDER)
    id = down(judge)
    judge.decide(200, (), Acknowledge(incident=id, by="ana", via="cli"))

    assert [judge.decide(second).intents for second in range(205, 2000, 5)] == [()] * 359


def test_a_lesser_severity_does_not_climb() -> None:
    """A single target is P2; steps are for P0 and P1 unless they say otherwise."""
    judge = Judge(LADDER)
    down(judge, "acme/east/chat")

    assert [judge.decide(second).intents for second in range(5, 2000, 5)] == [()] * 399


def test_a_window_holds_pages_but_not_the_record() -> None:
    """Opened and over inside: two transitions more, nobody told."""
    judge = Judge()
    window = hold(judge, "bolt")
    judge.tick(0, FAILED, "bolt")
    for second in (5, 10, 15):
        judge.tick(second, OK, "bolt")

    assert [change for _, change in judge.changes] == [
        Change.OPENED, Change.SUPPRESSED, Change.RECOVERING, Change.RESOLVED,
    ]  # fmt: skip
    assert judge.pages == []
    assert window.id in judge.state.suppressions


def test_what_is_still_down_at_the_end_of_a_window_is_paged() -> None:
    """The trap of others: an outage that began inside never pages. Here it does, once."""
    judge = Judge()
    hold(judge, "bolt", lasts=timedelta(minutes=5))
    judge.tick(0, FAILED, "bolt")
    quiet = [judge.decide(second).intents for second in range(5, 285, 5)]
    released = judge.decide(300)

    assert quiet == [()] * len(quiet)
    assert [page.change for page in released.intents] == [Change.RELEASED]
    assert released.intents[0].summary.startswith("P0 no longer held back: provider bolt is down")
    assert judge.decide(400).intents == ()


def test_a_window_that_is_taken_back_releases_at_once() -> None:
    """By whom is answered; a second time there is none."""
    judge = Judge()
    window = hold(judge, "bolt")
    judge.tick(0, FAILED, "bolt")
    back = Unsuppress(suppression=window.id, by="ben", via="api")

    assert [page.change for page in judge.decide(20, (), back).intents] == [Change.RELEASED]
    assert judge.decide(21, (), back).said[0].refused == f"no silence or maintenance window has the id '{window.id}'"


def test_the_end_of_an_incident_that_was_told_is_told_inside_a_window_too() -> None:
    """A silence holds what begins, never a resolve: no receiver keeps a page that is over."""
    judge = Judge()
    down(judge)
    hold(judge, "bolt", second=6)
    for second in (10, 15, 20):
        judge.tick(second, OK, "bolt")

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED]


def test_what_comes_again_inside_a_window_is_held_from_the_first_moment() -> None:
    """A reopening is no way past a silence."""
    judge = Judge()
    down(judge)
    for second in (5, 10, 15):
        judge.tick(second, OK, "bolt")
    hold(judge, "bolt", second=20)
    judge.tick(30, FAILED, "bolt")
    judge.decide(40)

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.RESOLVED]
    assert judge.newest().suppressed_by


def test_a_window_on_a_cluster_does_not_hold_its_provider() -> None:
    """When the cause is wider than what was planned, it is paged."""
    judge = Judge()
    hold(judge, "acme/east")
    judge.tick(0, FAILED, "acme/east")
    assert judge.decide(4).intents == ()
    judge.tick(10, FAILED, "acme")
    judge.decide(14)

    assert [(page.change, page.scope.id) for page in judge.pages] == [(Change.RELEASED, "acme")]


@pytest.mark.parametrize(
    ("pattern", "scope", "covered"),
    [
        ("acme", Scope(Level.PROVIDER, "acme"), True),
        ("acme", Scope(Level.TARGET, "acme/east/chat"), True),
        ("acme/*", Scope(Level.TARGET, "acme/east/chat"), True),
        ("acme/*", Scope(Level.PROVIDER, "acme"), False),
        ("acme/east", Scope(Level.CLUSTER, "acme/east2"), False),
        ("acme/e*", Scope(Level.CLUSTER, "acme/east2"), True),
        ("*", Scope(Level.PROVIDER, "bolt"), True),
        ("*", Scope(Level.OBSERVER, "here"), True),
        ("acme", Scope(Level.OBSERVER, "acme-office"), False),
    ],
)
def test_a_pattern_covers_what_it_matches_and_everything_below(pattern: str, scope: Scope, covered: bool) -> None:
    """By whole names."""
    assert suppression(pattern).covers(scope) is covered


@pytest.mark.parametrize(
    ("at", "active"),
    [
        ("2026-11-24T11:59:59+00:00", False),
        ("2026-11-24T12:00:00+00:00", True),
        ("2026-11-24T12:59:59+00:00", True),
        ("2026-11-24T13:00:00+00:00", False),
        ("2026-12-01T12:30:00+00:00", True),
        ("2026-12-02T12:30:00+00:00", False),
        ("2026-12-24T12:00:00+00:00", False),  # expired
    ],
)
def test_a_weekly_window_comes_again_until_it_expires(at: str, active: bool) -> None:
    """An hour every seven days, for thirty days."""
    assert suppression("acme", every=timedelta(days=7)).active(datetime.fromisoformat(at)) is active


def test_a_daily_window_keeps_its_local_time_when_the_clocks_change() -> None:
    """13:00 in Berlin is 12:00 UTC in winter and 11:00 in summer."""
    window = suppression("acme", every=timedelta(days=1), expires=timedelta(days=200), zone="Europe/Berlin")

    assert window.active(datetime.fromisoformat("2027-03-27T12:30:00+00:00"))
    assert window.active(datetime.fromisoformat("2027-03-29T11:30:00+00:00"))
    assert not window.active(datetime.fromisoformat("2027-03-29T12:30:00+00:00"))


def test_a_human_can_close_what_evidence_never_will() -> None:
    """Over, with who and why; the same failures that were seen do not open it again, fresh ones do."""
    judge = Judge()
    id = down(judge)
    closed = judge.decide(30, (), Close(incident=id, by="ana", via="cli", why="contract ended"))

    assert [(one.change, one.cause) for one in closed.transitions] == [
        (Change.RESOLVED, "closed by ana (cli): contract ended")
    ]
    assert judge.decide(40).transitions == ()
    judge.tick(50, FAILED, "bolt")
    assert judge.newest().state is IncidentState.OPEN


def test_a_drill_is_a_marked_p0_that_is_over_by_itself() -> None:
    """Said at once, to whom it names; nothing else is touched by it."""
    judge = Judge()
    begun = judge.decide(0, (), Exercise(by="ana", via="cli", at=TICK, destinations=("test",)))
    (page,) = begun.intents

    assert (page.severity, page.only, page.change) == (Severity.P0, ("test",), Change.OPENED)
    assert page.summary == "P0 DRILL nothing is broken: asked for by ana (cli)"
    assert judge.decide(4.9).intents == ()
    (over,) = judge.decide(5).intents
    assert (over.change, over.only, over.incident) == (Change.RESOLVED, ("test",), page.incident)


def test_a_drill_goes_out_whatever_is_silenced() -> None:
    """It is there to find out whether pages go out."""
    judge = Judge()
    hold(judge, "*")

    assert len(judge.decide(0, (), Exercise(by="ana", via="cli", at=TICK)).intents) == 1
