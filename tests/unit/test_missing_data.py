"""Missing data is an incident of ours; it resolves nothing, and a restart of ours neither makes nor ends it."""

from __future__ import annotations

from collections.abc import Sequence

from collector.judgement.fleet_index import FleetIndex
from schemas.incident import Change, IncidentState, Level, Severity, Signal
from tests.support.judge import CLUSTERS, EVERY, FAILED, INDEX, NOT_OBSERVED, OK, TIMED, Judge, facts_of


def quiet(judge: Judge, start_s: int, end_s: int, step_s: int = 1) -> None:
    """Nothing comes, and the judge looks again and again."""
    for second in range(start_s, end_s, step_s):
        judge.decide(second)


def seen_until(judge: Judge, second: int, outcome_of_bolt: object = OK) -> None:
    """A tick every ten seconds until *second*."""
    for at in range(0, second + 1, 10):
        judge.tick(at, FAILED if outcome_of_bolt is FAILED else OK, "bolt")


def opened(judge: Judge) -> Sequence[tuple[Signal, Level, Severity]]:
    """What was paged as opened."""
    return [(page.signal, page.scope.level, page.severity) for page in judge.pages if page.change is Change.OPENED]


def test_a_vantage_that_falls_silent_is_one_page_of_ours() -> None:
    """Three intervals and at least thirty seconds after the last that came; no provider is blamed."""
    judge = Judge(index=TIMED)
    seen_until(judge, 60)
    quiet(judge, 63, 90)
    assert judge.pages == []
    quiet(judge, 90, 600)

    assert opened(judge) == [(Signal.NO_DATA, Level.OBSERVER, Severity.P1)]
    assert judge.pages[0].summary == (
        "P1 vantage here is blind (nothing_arrived): "
        "nothing usable from 18 of 18 subjects for longer than the rule allows"
    )
    assert judge.newest().scope.id == "here"


def test_a_prober_that_dies_while_something_is_down_resolves_nothing() -> None:
    """The outage stays open, marked as blind; one page of ours; no resolve."""
    judge = Judge(index=TIMED)
    seen_until(judge, 60, FAILED)
    quiet(judge, 63, 3600, 10)

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.OPENED]
    (outage,) = [one for one in judge.state.incidents.values() if one.signal is Signal.HARD_DOWN]
    assert (outage.state, outage.blind) == (IncidentState.OPEN, True)
    assert Change.RESOLVED not in [change for _, change in judge.changes]


def test_when_it_comes_back_our_incident_is_over_and_the_outage_goes_on() -> None:
    """Each by its own evidence."""
    judge = Judge(index=TIMED)
    seen_until(judge, 60, FAILED)
    quiet(judge, 63, 300)
    judge.tick(300, FAILED, "bolt")

    assert [page.change for page in judge.pages] == [Change.OPENED, Change.OPENED, Change.RESOLVED]
    assert judge.pages[-1].signal is Signal.NO_DATA
    (outage,) = [one for one in judge.state.incidents.values() if one.signal is Signal.HARD_DOWN]
    assert (outage.state, outage.blind) == (IncidentState.OPEN, False)


def test_not_observed_is_not_usable() -> None:
    """Our own network is down and says so, tick by tick: one page of ours, and its reason."""
    judge = Judge(index=TIMED)
    seen_until(judge, 30)
    for second in range(40, 120, 10):
        judge.tick(second, NOT_OBSERVED, *CLUSTERS)

    assert opened(judge) == [(Signal.NO_DATA, Level.OBSERVER, Severity.P1)]
    assert "(observer_offline)" in judge.pages[0].summary


def test_some_subjects_that_fall_silent_are_a_lesser_incident_that_can_get_worse() -> None:
    """P2 for a blind spot, raised to P1 when nothing is seen any more."""
    judge = Judge(index=TIMED)
    seen_until(judge, 30)
    for second in range(40, 120, 10):
        judge.decide(second + 2, facts_of(second, OK, "acme", "coil", "dyne"))
    assert opened(judge) == [(Signal.NO_DATA, Level.OBSERVER, Severity.P2)]
    quiet(judge, 120, 300)

    assert [(page.change, page.severity) for page in judge.pages[1:]] == [(Change.RAISED, Severity.P1)]


def test_a_vantage_that_falls_silent_bit_by_bit_is_still_one_page() -> None:
    """What is silent first waits one interval for the rest: P1 at once then, not P2 and worse."""
    judge = Judge(index=TIMED)
    seen_until(judge, 30)
    judge.decide(38, facts_of(35, OK, "acme", "coil", "dyne"))
    quiet(judge, 39, 200)

    assert [(page.change, page.severity) for page in judge.pages] == [(Change.OPENED, Severity.P1)]
    assert Change.RAISED in [change for _, change in judge.changes]


def test_a_collector_that_was_down_blames_nobody_for_its_own_gap() -> None:
    """An hour without a judge is not an hour of silence: it waits three intervals from its own start."""
    judge = Judge(index=TIMED)
    seen_until(judge, 60)
    quiet(judge, 3600, 3629)
    assert judge.pages == []
    judge.tick(3628, OK, "bolt")
    quiet(judge, 3632, 3650)

    assert judge.pages == []


def test_a_restart_does_not_end_our_incident() -> None:
    """Silent before it and after it: one page, no resolve."""
    judge = Judge(index=TIMED)
    seen_until(judge, 60)
    quiet(judge, 63, 200)
    quiet(judge, 4000, 4200)

    assert [page.change for page in judge.pages] == [Change.OPENED]


def test_what_leaves_the_configuration_takes_its_incident_with_it() -> None:
    """Nothing of it is watched any more, and the transition says so."""
    judge = Judge(index=TIMED)
    seen_until(judge, 60, FAILED)
    smaller = Judge(
        index=FleetIndex(INDEX.clusters, INDEX.targets, {(t, "chat"): 10.0 for t in EVERY if "bolt" not in t})
    )
    smaller.state = judge.state
    decision = smaller.decide(70)

    assert [(one.change, one.cause) for one in decision.transitions] == [
        (Change.RESOLVED, "nothing of it is in the configuration any more")
    ]
