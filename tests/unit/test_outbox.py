"""Who is told what, when it is tried again, and when it is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.paging.hand_over import Answer
from collector.paging.outbox import JITTER, RETRY_AFTER_S_MAX, RETRY_S, after_answer, deliveries_of, retry_delay_s
from schemas.incident import Change, PageIntent, Severity
from schemas.page import DeliveryState, SendResult
from tests.support.pages import NOW, PAGING, delivery, intent

PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD
TOLD = {"inc-0123456789ab": frozenset({"hook", "quiet"})}


def destinations(wish: PageIntent, known: dict[str, frozenset[str]] | None = None) -> list[str]:
    """Where *wish* goes."""
    return [one.destination for one in deliveries_of([wish], PAGING, known or {})]


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
        (1, "hook"), (1, "on-call"), (1, "quiet"), (2, "hook"), (2, "quiet"),
    ]  # fmt: skip
    assert {(one.state, one.attempt, one.next_attempt_at) for one in made} == {(PENDING, 0, NOW)}
    assert len({one.webhook_id() for one in made}) == 5


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


@pytest.mark.parametrize("status", [300, 301, 302, 400, 401, 403, 404, 410, 413, 422])
def test_what_will_not_pass_is_dead(status: int) -> None:
    """The receiver will never take it; redirects are not followed with a secret in hand."""
    assert result(status) == SendResult(state=DEAD, status=status, error="said", at=NOW)


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


@pytest.mark.parametrize(("wish_s", "wait_s"), [(0.0, 0.0), (2.5, 2.5), (-1.0, 0.0), (3600.0, RETRY_AFTER_S_MAX)])
def test_the_receivers_wish_is_honoured_within_a_bound(wish_s: float, wait_s: float) -> None:
    """An hour would lose the page's point."""
    assert retry_delay_s(delivery(), wish_s) == wait_s
