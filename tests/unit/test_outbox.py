"""Who is told what, when it is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.paging.hand_over import Answer
from collector.paging.outbox import (
    JITTER,
    LEAST_CHARS_MAX,
    RETRY_AFTER_S_MAX,
    RETRY_AFTER_S_MIN,
    RETRY_S,
    StandIn,
    after_answer,
    deliveries_of,
    least,
    retry_delay_s,
    stand_in,
)
from schemas.incident import Change, Evidence, PageIntent, Severity
from schemas.page import Delivery, DeliveryState, SendResult
from schemas.paging import Paging
from tests.support.pages import NOW, PAGING, delivery, intent

PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD
TOLD = {"inc-0123456789ab": frozenset({"hook", "quiet"})}


def destinations(
    wish: PageIntent, known: dict[str, frozenset[str]] | None = None, paging: Paging = PAGING
) -> list[str]:
    """Where *wish* goes."""
    return [one.destination for one in deliveries_of([wish], paging, known or {})]


def settings(routes: dict[str, list[str]], backups: dict[str, str] | None = None, **more: Any) -> Paging:
    """Paging with a hook by each name that is used, backups by name."""
    names = {"ann", "bob", "carl", "dora"}
    backups = backups or {}
    hooks = {
        name: {"kind": "webhook", "url": "http://127.0.0.1:1/"} | ({"backup": backups[name]} if name in backups else {})
        for name in names
    }
    return Paging.model_validate({"destinations": hooks, "routes": routes} | more)


def test_an_opening_goes_where_its_severity_is_routed() -> None:
    """In the order of the names; what is routed nowhere is delivered nowhere."""
    assert destinations(intent(severity=Severity.P0)) == ["hook", "on-call"]
    assert destinations(intent(severity=Severity.P1)) == ["hook"]
    assert destinations(intent(severity=Severity.P3)) == []


@pytest.mark.parametrize("change", [Change.RESOLVED, Change.ABSORBED])
def test_a_closing_goes_to_whoever_was_told_and_to_nobody_else(change: Change) -> None:
    """No receiver keeps a page that is over; none hears of the end of what it never heard of."""
    assert destinations(intent(change), TOLD) == ["hook", "quiet"]
    assert destinations(intent(change)) == []


@pytest.mark.parametrize("change", [Change.PROMOTED, Change.REOPENED])
def test_what_widens_goes_to_the_old_and_the_new(change: Change) -> None:
    """A P2 that became a P0: those that were told, and those of the P0 route."""
    assert destinations(intent(change), TOLD) == ["hook", "on-call", "quiet"]


def test_a_destination_that_is_no_longer_configured_is_left_out() -> None:
    """There is nobody to send to."""
    assert destinations(intent(Change.RESOLVED), {"inc-0123456789ab": frozenset({"gone", "hook"})}) == ["hook"]


def test_a_delivery_is_due_at_once() -> None:
    """And carries its intent; one for each intent and destination."""
    intents = [intent(seq=1), intent(Change.RESOLVED, seq=2)]
    made = deliveries_of(intents, PAGING, TOLD)

    assert [(one.intent.seq, one.destination) for one in made] == [
        (1, "hook"), (1, "on-call"), (1, "quiet"), (2, "hook"), (2, "on-call"), (2, "quiet"),
    ]  # fmt: skip
    assert {(one.state, one.attempt, one.next_attempt_at) for one in made} == {(PENDING, 0, NOW)}
    assert len({one.webhook_id() for one in made}) == 6


def test_an_end_that_is_decided_in_the_same_breath_as_its_opening_reaches_the_same_receivers() -> None:
    """An outage that was over before it was said is said whole."""
    made = deliveries_of([intent(seq=1), intent(Change.RESOLVED, seq=2)], PAGING, {})

    assert [(one.intent.seq, one.destination) for one in made] == [
        (1, "hook"), (1, "on-call"), (2, "hook"), (2, "on-call"),
    ]  # fmt: skip


ON_CALL = {"rota": {"starts": "2026-11-24T00:00:00", "turn": "12h", "members": ["ann", "bob"]}}


@pytest.mark.parametrize(("hour", "who"), [(11, "ann"), (13, "bob")])
def test_a_route_may_name_a_rota(hour: int, who: str) -> None:
    """Whoever has the turn at the instant of the decision."""
    paging = settings({"P0": ["rota", "carl"]}, rotas=ON_CALL)

    assert destinations(intent(at=NOW.replace(hour=hour)), paging=paging) == sorted([who, "carl"])


def test_who_was_paged_before_the_turn_changed_hears_of_the_end() -> None:
    """And the next on call does not, who never heard of it; of anything that is no end both hear."""
    paging = settings({"P0": ["rota"]}, rotas=ON_CALL)
    told, later = {"inc-0123456789ab": frozenset({"ann"})}, NOW.replace(hour=13)

    assert destinations(intent(Change.RESOLVED, at=later), told, paging) == ["ann"]
    assert destinations(intent(Change.RAISED, at=later), told, paging) == ["ann", "bob"]


@pytest.mark.parametrize(("step", "whom"), [(0, ["ann"]), (1, ["ann", "bob"]), (2, ["ann", "bob", "carl", "dora"])])
def test_every_step_of_the_ladder_that_was_taken_is_told(step: int, whom: list[str]) -> None:
    """Besides the route."""
    ladder = [{"after": "5m", "to": ["bob"]}, {"after": "15m", "to": ["carl", "dora"]}]
    paging = settings({"P0": ["ann"]}, escalation=ladder)

    assert destinations(intent(Change.ESCALATED, step=step), paging=paging) == whom


def test_steps_are_those_that_the_severity_climbs() -> None:
    """A step that is for P0 alone is no step of a P1's ladder: its first is the second that is written."""
    ladder = [{"after": "5m", "to": ["bob"], "severities": ["P0"]}, {"after": "15m", "to": ["carl"]}]
    paging = settings({"P0": ["ann"], "P1": ["ann"]}, escalation=ladder)

    assert destinations(intent(Change.RELEASED, severity=Severity.P1, step=1), paging=paging) == ["ann", "carl"]
    assert destinations(intent(Change.RELEASED, severity=Severity.P0, step=1), paging=paging) == ["ann", "bob"]


def test_a_page_for_a_few_goes_to_those_alone() -> None:
    """A drill: neither the route nor the ladder; its end goes where it went."""
    paging = settings({"P0": ["ann"]}, escalation=[{"after": "5m", "to": ["bob"]}])
    drill = {"only": ("carl",), "step": 1}

    assert destinations(intent(**drill), paging=paging) == ["carl"]
    assert destinations(intent(Change.RESOLVED, **drill), {"inc-0123456789ab": frozenset({"carl"})}, paging) == ["carl"]


@pytest.mark.parametrize("change", [Change.ACKNOWLEDGED, Change.FLAPPING, Change.STABLE, Change.RELEASED])
def test_what_is_neither_opening_nor_end_goes_to_the_told_and_along_the_route(change: Change) -> None:
    """Nobody is left with what is no longer so."""
    assert destinations(intent(change), TOLD) == ["hook", "on-call", "quiet"]


def told_of(*made: tuple[str, int, Change, DeliveryState]) -> list[Delivery]:
    """Deliveries of one incident: where, which, what, how far."""
    return [delivery(intent(change, seq=seq), name, state=state) for name, seq, change, state in made]


LATER = NOW + timedelta(seconds=15)
OPENED, RESOLVED = Change.OPENED, Change.RESOLVED


def covered(told: list[Delivery], paging: Paging, now: datetime = LATER) -> tuple[str, list[tuple[str, int, str]]]:
    """Who stands in for the first of *told*, and what is added: where, which, instead of whom."""
    found = stand_in(told[0], told, paging, now)
    assert {one.next_attempt_at for one in found.deliveries} <= {now}
    return found.name, [(one.destination, one.intent.seq, one.instead_of) for one in found.deliveries]


def test_what_is_late_goes_to_the_backup_as_well() -> None:
    """The same intent, saying instead of whom."""
    told = told_of(("ann", 1, OPENED, PENDING))

    assert covered(told, settings({"P0": ["ann"]}, {"ann": "bob"})) == ("bob", [("bob", 1, "ann")])


def test_without_a_backup_what_is_late_waits() -> None:
    """It is still being tried; others of the route have their own."""
    assert covered(told_of(("ann", 1, OPENED, PENDING)), settings({"P0": ["ann", "carl"]})) == ("", [])


def test_a_backup_is_told_everything_from_there_on() -> None:
    """The end too, that was decided before the backup knew: no receiver keeps a page that is over."""
    told = told_of(("ann", 1, OPENED, PENDING), ("ann", 2, Change.RAISED, PENDING), ("ann", 3, RESOLVED, PENDING))

    assert covered(told, settings({}, {"ann": "bob"})) == ("bob", [(("bob"), seq, "ann") for seq in (1, 2, 3)])
    assert covered(told[1:], settings({}, {"ann": "bob"})) == ("bob", [(("bob"), seq, "ann") for seq in (2, 3)])


def test_a_backup_that_knows_as_much_or_more_is_not_told_again() -> None:
    """Telling it of the opening after the end would leave an alert for ever."""
    paging = settings({}, {"ann": "bob"})
    same = told_of(("ann", 1, OPENED, PENDING), ("bob", 1, OPENED, PENDING))
    more = told_of(("ann", 1, OPENED, PENDING), ("ann", 2, RESOLVED, PENDING), ("bob", 2, RESOLVED, DELIVERED))

    assert covered(same, paging) == covered(more, paging) == ("bob", [])


@pytest.mark.parametrize("change", [Change.RESOLVED, Change.ABSORBED, Change.ACKNOWLEDGED])
def test_a_late_end_goes_only_to_a_backup_that_heard_of_the_beginning(change: Change) -> None:
    """To others it says nothing; a dead one is said to somebody, for an alert stays open that is over."""
    paging = settings({}, {"ann": "bob"})
    late, dead = told_of(("ann", 2, change, PENDING)), told_of(("ann", 2, change, DEAD))
    heard = [*late, *told_of(("ann", 1, OPENED, DELIVERED), ("bob", 1, OPENED, DELIVERED))]

    assert covered(late, paging) == ("", [])
    assert covered(heard, paging) == ("bob", [("bob", 2, "ann")])
    assert covered(dead, paging) == ("bob", [("bob", 2, "ann")])


def test_what_is_dead_without_a_backup_goes_along_the_route() -> None:
    """To the first that has not heard; when all have, the first of them that has it knows."""
    paging = settings({"P0": ["dora", "ann", "carl"]})

    assert covered(told_of(("ann", 1, OPENED, DEAD)), paging) == ("carl", [("carl", 1, "ann")])
    both = told_of(("ann", 1, OPENED, DEAD), ("carl", 1, OPENED, DEAD), ("dora", 1, OPENED, PENDING))
    assert covered(both, paging) == ("dora", [])


def test_when_everybody_is_dead_nobody_is_left() -> None:
    """Chains end: a destination gets a page once, whoever it stands in for."""
    ring = settings({"P0": ["ann"]}, {"ann": "bob", "bob": "ann"})
    first, second = told_of(("ann", 1, OPENED, DEAD)), told_of(("bob", 1, OPENED, DEAD), ("ann", 1, OPENED, DEAD))

    assert covered(first, ring) == ("bob", [("bob", 1, "ann")])
    assert covered(second, ring) == ("", [])


def test_a_backup_that_is_late_has_a_backup() -> None:
    """The third hears instead of the second."""
    chain = settings({}, {"ann": "bob", "bob": "carl"})

    assert covered(told_of(("bob", 1, OPENED, PENDING), ("ann", 1, OPENED, PENDING)), chain) == (
        "carl", [("carl", 1, "bob")],
    )  # fmt: skip


def test_a_drill_that_is_dead_wakes_nobody_of_the_route() -> None:
    """Only a backup of its own destination."""
    dead = [delivery(intent(only=("ann",)), "ann", state=DEAD)]

    assert covered(dead, settings({"P0": ["carl"]})) == ("", [])
    assert covered(dead, settings({"P0": ["carl"]}, {"ann": "bob"}))[0] == "bob"


@given(data=st.data())
def test_standing_in_always_ends_and_leaves_no_receiver_with_a_page_that_is_over(data: st.DataObject) -> None:
    """Whatever fails, whatever the backups: no destination twice, and whoever has the opening has the end."""
    names = ["ann", "bob", "carl", "dora"]
    backups = {
        name: data.draw(st.sampled_from([other for other in names if other != name]))
        for name in names
        if data.draw(st.booleans())
    }
    paging = settings({"P0": data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))}, backups)
    told = list(deliveries_of([intent(seq=1), intent(Change.RESOLVED, seq=2)], paging, {}))
    looked: set[str] = set()
    while fresh := [one for one in told if one.webhook_id() not in looked]:
        one = data.draw(st.sampled_from(fresh))
        state = data.draw(st.sampled_from([PENDING, DEAD]))
        told[told.index(one)] = failed = delivery(one.intent, one.destination, state=state)
        looked.add(one.webhook_id())
        told += stand_in(failed, told, paging, LATER).deliveries

    keys = [one.webhook_id() for one in told]
    assert len(keys) == len(set(keys)) <= 2 * len(names)
    assert {one.destination for one in told if one.intent.seq == 1} <= {
        one.destination for one in told if one.intent.seq == 2
    }


def test_there_is_nothing_to_stand_in_for_a_destination_that_is_gone() -> None:
    """Until it is dead: then the route is asked."""
    late = told_of(("gone", 1, OPENED, PENDING))
    assert stand_in(late[0], late, PAGING, LATER) == StandIn()
    dead = told_of(("gone", 1, OPENED, DEAD))
    assert stand_in(dead[0], dead, PAGING, LATER).name == "hook"


def result(status: int, *, accepted: bool = False, wish_s: float | None = None, attempt: int = 0) -> SendResult:
    """What an answer comes to."""
    answer = Answer(status, "" if accepted else "said", accepted, wish_s)
    return after_answer(delivery(attempt=attempt), answer, at=NOW)


@pytest.mark.parametrize("status", [0, 100, 408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """No answer, too many, a server's own trouble."""
    again = result(status)

    assert (again.state, again.status, again.error) == (PENDING, status, "said")
    assert again.retry_at is not None and again.retry_at > NOW


@pytest.mark.parametrize("status", [300, 301, 302, 401, 403, 404, 410, 422])
def test_what_will_not_pass_is_dead(status: int) -> None:
    """The receiver will never take it; redirects are not followed with a secret in hand."""
    assert result(status) == SendResult(state=DEAD, status=status, error="said", at=NOW)


@pytest.mark.parametrize("status", [400, 413])
def test_what_is_too_much_goes_once_more_as_the_least_and_is_then_dead(status: int) -> None:
    """At once; a server's trouble in between is tried again, still as the least."""
    answer = Answer(status, "said", accepted=False)
    first = after_answer(delivery(), answer, at=NOW)
    assert (first.state, first.minimal, first.retry_at) == (PENDING, True, NOW)

    again = delivery(minimal=True, attempt=1)
    between = after_answer(again, Answer(503, "said", accepted=False), at=NOW)
    assert (between.state, between.minimal) == (PENDING, True)
    assert after_answer(again, answer, at=NOW).state is DEAD


def test_the_least_still_says_what_is_wrong() -> None:
    """Which incident, how bad, a short summary; the same keys."""
    wish = intent(summary="x" * 5000, rule="r" * 5000, evidence=Evidence(affected=("a/b/c",) * 20, affected_n=20))
    page = delivery(wish, minimal=True)
    small = least(page)

    assert len(small.intent.summary) == LEAST_CHARS_MAX
    assert (small.intent.evidence, small.intent.rule) == (Evidence(), "")
    assert (small.webhook_id(), small.intent.severity, small.minimal) == (page.webhook_id(), Severity.P0, True)


def test_what_is_accepted_is_delivered() -> None:
    """With nothing left to say."""
    assert result(202, accepted=True) == SendResult(state=DELIVERED, status=202, error="", at=NOW)


@given(
    status=st.integers(0, 599), accepted=st.booleans(), wish=st.none() | st.floats(0, 1e6), attempt=st.integers(0, 99)
)
def test_every_answer_is_exactly_one_of_three(status: int, accepted: bool, wish: float | None, attempt: int) -> None:
    """Pending has an instant within half a minute, the others have none."""
    came = result(status, accepted=accepted, wish_s=wish, attempt=attempt)

    if came.state is PENDING:
        assert came.retry_at is not None
        assert timedelta(0) <= came.retry_at - NOW <= timedelta(seconds=31.5)
    else:
        assert came.retry_at is None


def test_the_schedule_is_tight_and_then_every_half_minute() -> None:
    """1, 2, 4, 8, 15, 30, 30 s and so on for ever, give or take a twentieth."""
    waits = [retry_delay_s(delivery(attempt=attempt), None) for attempt in range(50)]

    for wait_s, base_s in zip(waits, [*RETRY_S, *([30.0] * 44)], strict=True):
        assert base_s * (1 - JITTER / 2) <= wait_s <= base_s * (1 + JITTER / 2)


def test_two_destinations_do_not_retry_in_step_and_each_always_does_the_same() -> None:
    """The jitter is hashed from the delivery."""
    hook, on_call = delivery(), delivery(destination="on-call")

    assert retry_delay_s(hook, None) == retry_delay_s(hook, None) != retry_delay_s(on_call, None)


@pytest.mark.parametrize(
    ("wish_s", "wait_s"), [(0.0, RETRY_AFTER_S_MIN), (2.5, 2.5), (-1.0, RETRY_AFTER_S_MIN), (3600.0, RETRY_AFTER_S_MAX)]
)
def test_the_receivers_wish_is_honoured_within_a_bound(wish_s: float, wait_s: float) -> None:
    """An hour would lose the page's point; at once, again and again, would use up what the receiver takes."""
    assert retry_delay_s(delivery(), wish_s) == wait_s
