"""What to deliver, to whom instead, when to try again, and when to give up; pure. The queue is in the ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.paging.hand_over import Answer
from schemas.incident import Change, Evidence, PageIntent
from schemas.page import CLOSING, Delivery, DeliveryState, SendResult
from schemas.paging import Paging

RETRY_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # then every 30 s until delivered
RETRY_AFTER_S_MIN, RETRY_AFTER_S_MAX = 0.5, 30.0
JITTER = 0.1
LEAST_CHARS_MAX = 200
_TRY_AGAIN = frozenset({408, 425, 429})
_TOO_MUCH = frozenset({400, 413})  # once more, as the least that says what is wrong
_FOR_THE_TOLD = CLOSING | {Change.ACKNOWLEDGED}  # means nothing to somebody who never heard of the incident


def deliveries_of(
    intents: Iterable[PageIntent], paging: Paging, known: Mapping[str, frozenset[str]]
) -> tuple[Delivery, ...]:
    """
    One delivery per intent and destination.

    A closing goes wherever the incident was told of (*known*: incident to destinations), so that no receiver keeps a
    page that is over. Anything else goes there too, and where it is routed: by `only`, or by its severity and the
    steps of the ladder that were taken.
    """
    made: list[Delivery] = []
    heard = dict(known)
    for intent in intents:
        told = heard.get(intent.incident, frozenset())
        names = told if intent.change in CLOSING else told | routed(intent, paging)
        names = frozenset(name for name in names if name in paging.destinations)
        made += [Delivery(intent=intent, destination=name, next_attempt_at=intent.at) for name in sorted(names)]
        heard[intent.incident] = told | names  # a closing may be decided in the same breath as its opening
    return tuple(made)


def routed(intent: PageIntent, paging: Paging) -> frozenset[str]:
    """The destinations that the settings name for *intent*, at the instant of its decision."""
    names = intent.only
    if not names:
        steps = paging.ladder(intent.severity)[: intent.step]
        names = (*paging.routes.get(intent.severity, ()), *(name for step in steps for name in step.to))
    return paging.destinations_named(names, intent.at)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Who is told instead: *name*, '' when there is nobody; *deliveries* are those that must be added for it."""

    name: str = ""
    deliveries: tuple[Delivery, ...] = ()


def stand_in(late: Delivery, told: Sequence[Delivery], paging: Paging, now: datetime) -> StandIn:
    """
    Who is told in place of the destination of *late*, which has not taken a page in time, or is dead.

    *told* is every delivery of the incident. Its backup is asked; for what is dead, then whoever else the severity is
    routed to. One that was told of this or of something later knows already. A destination that is told for the first
    time is told everything from here on, so that it hears of the end as well.
    """
    dead = late.state is DeliveryState.DEAD
    for name in _candidates(late, paging, dead=dead):
        theirs = [one for one in told if one.destination == name]
        later = [one for one in theirs if one.intent.seq >= late.intent.seq]
        if any(one.state is not DeliveryState.DEAD for one in later):
            return StandIn(name)
        if later or (late.intent.change in _FOR_THE_TOLD and not theirs and not dead):
            continue
        own = (one for one in told if one.destination == late.destination and one.intent.seq >= late.intent.seq)
        return StandIn(
            name,
            tuple(
                Delivery(intent=one.intent, destination=name, next_attempt_at=now, instead_of=late.destination)
                for one in sorted(own, key=lambda one: one.intent.seq)
            ),
        )
    return StandIn()


def _candidates(late: Delivery, paging: Paging, *, dead: bool) -> list[str]:
    """Whom to ask, in order: the backup, then for what is dead whoever else it was meant for."""
    settings = paging.destinations.get(late.destination)
    names = [settings.backup] if settings is not None and settings.backup else []
    if dead:
        names += sorted(routed(late.intent, paging))
    return [name for name in dict.fromkeys(names) if name != late.destination and name in paging.destinations]


def after_answer(delivery: Delivery, answer: Answer, *, at: datetime) -> SendResult:
    """What becomes of *delivery* after one attempt."""
    status = answer.status
    if answer.accepted:
        return SendResult(state=DeliveryState.DELIVERED, status=status, error="", at=at)
    if status in _TOO_MUCH and not delivery.minimal and not answer.hopeless:
        return SendResult(
            state=DeliveryState.PENDING, status=status, error=answer.error, at=at, retry_at=at, minimal=True
        )
    if not answer.hopeless and (status == 0 or status in _TRY_AGAIN or status >= 500 or status < 200):
        retry_at = at + timedelta(seconds=retry_delay_s(delivery, answer.retry_after_s))
        return SendResult(
            state=DeliveryState.PENDING, status=status, error=answer.error, at=at, retry_at=retry_at,
            minimal=delivery.minimal,
        )  # fmt: skip
    return SendResult(state=DeliveryState.DEAD, status=status, error=answer.error, at=at)


def least(delivery: Delivery) -> Delivery:
    """The least that says what is wrong: a short summary, no evidence."""
    intent = delivery.intent
    short = replace(intent, summary=intent.summary[:LEAST_CHARS_MAX], rule="", evidence=Evidence())
    return replace(delivery, intent=short)


def retry_delay_s(delivery: Delivery, retry_after_s: float | None) -> float:
    """Seconds until the next attempt: the receiver's wish, bounded, or the schedule with a hashed jitter."""
    if retry_after_s is not None:
        return min(max(retry_after_s, RETRY_AFTER_S_MIN), RETRY_AFTER_S_MAX)
    base = RETRY_S[min(delivery.attempt, len(RETRY_S) - 1)]
    digest = hashlib.sha256(f"{delivery.webhook_id()}|{delivery.attempt}".encode()).digest()
    return base * (1 + JITTER * (digest[0] / 255 - 0.5))
