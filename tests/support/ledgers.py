"""Ledgers in both kinds of database, and decisions and answers made by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.paging.outbox import deliveries_of, stand_in
from collector.storage.ledger import Deliveries, Ledger
from collector.storage.ledger_outbox import LEASE_S, Covered
from schemas.incident import Change, Incident, IncidentState, PageIntent, Severity, Transition
from schemas.page import Delivery, DeliveryState, SendResult
from schemas.paging import Paging
from tests.support.pages import NOW, PAGING, intent
from tests.support.postgres_server import PostgresServer, secret

Told = dict[str, frozenset[str]]


WIDE = {name: settings.model_copy(update={"per_minute": 10_000}) for name, settings in PAGING.destinations.items()}
HELD_S = LEASE_S + PAGING.destinations["hook"].timeout


def leased(ledger: Ledger, now: datetime, at_once: int) -> list[Delivery]:
    """What may be sent now, to destinations that take anything."""
    return ledger.lease(now, WIDE, at_once)


def seconds(number: float) -> timedelta:
    """So many of them."""
    return timedelta(seconds=number)


def deciding(
    *changes: Change, incident: str = "inc-1", severity: Severity = Severity.P0, page: bool = True, at: datetime = NOW
) -> Callable[[HotState], Decision]:
    """A decision that moves *incident* through *changes*, each with its page."""

    def decide(state: HotState) -> Decision:
        known = state.incidents.get(incident)
        seq = known.seq if known else 0
        wishes = [
            intent(change, severity, seq + number, incident=incident, at=at)
            for number, change in enumerate(changes, start=1)
        ]
        first = wishes[0]
        after = Incident(
            id=incident, signal=first.signal, scope=first.scope, provider="acme", severity=severity,
            state=IncidentState.OPEN, reason=first.reason, rule="3 in a row", failed_at=first.failed_at,
            opened_at=first.opened_at, updated_at=NOW, seq=seq + len(changes),
        )  # fmt: skip
        transitions = tuple(
            Transition(
                incident=incident, seq=wish.seq, change=wish.change, state=after.state, severity=severity,
                scope=after.scope, cause="3 in a row", at=NOW,
            )
            for wish in wishes
        )  # fmt: skip
        fresh = replace(state, incidents={**state.incidents, incident: after})
        return Decision(fresh, (after,), transitions, tuple(wishes) if page else (), ())

    return decide


def to(*names: str, due: datetime = NOW) -> Deliveries:
    """One delivery to each of *names* for every intent."""

    def deliveries(intents: Sequence[PageIntent], known: Told) -> Sequence[Delivery]:
        return [Delivery(intent=wish, destination=name, next_attempt_at=due) for wish in intents for name in names]

    return deliveries


def result(state: DeliveryState, at: datetime = NOW, retry_at: datetime | None = None) -> SendResult:
    """What one attempt came to."""
    status = {DeliveryState.DELIVERED: 202, DeliveryState.PENDING: 503}.get(state, 404)
    return SendResult(state=state, status=status, error="", at=at, retry_at=retry_at)


def nobody(intents: Sequence[PageIntent], known: Told) -> Sequence[Delivery]:
    """No destination is configured."""
    return []


def state_of(ledger: Ledger) -> HotState:
    """What the next decision would start from."""
    seen: list[HotState] = []

    def look(state: HotState) -> Decision:
        seen.append(state)
        return Decision(state, (), (), (), ())

    ledger.step(look, nobody)
    return seen[0]


class Place:
    """Where ledgers may be opened: a file whose folder is not there yet, or a database of a server."""

    def __init__(self, where: Path | str, server: PostgresServer | None = None) -> None:
        self.where, self.server = where, server

    def open(self, owner: str = "me") -> Ledger:
        """A ledger of *owner*."""
        return Ledger(self.where, owner=owner, password=secret() if self.server else None)

    def emptied(self, file: Path) -> Place:
        """A place of the same kind in which nothing is: *file*, or the same database."""
        if self.server is None:
            return Place(file)
        self.server.tell("DROP SCHEMA public CASCADE; CREATE SCHEMA public", str(self.where).rpartition("/")[2])
        return self


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place in each kind of database, empty."""
    if request.param == "sqlite":
        return Place(tmp_path / "var" / "state.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    name = "t_" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    return Place(server.database(name), server)


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    """An open ledger."""
    with closing(place.open("me")) as opened:
        yield opened


BACKED = Paging.model_validate(
    {
        "destinations": {
            "hook": {"kind": "webhook", "url": "http://127.0.0.1:1/", "backup": "quiet", "per_minute": 1000},
            "on-call": {"kind": "webhook", "url": "http://127.0.0.1:1/", "per_minute": 1000},
            "quiet": {"kind": "webhook", "url": "http://127.0.0.1:1/", "per_minute": 1000},
        },
        "routes": {"P0": ["hook"], "P1": ["on-call"]},
    }
)


def cover(ledger: Ledger, after_s: float, paging: Paging = BACKED) -> list[Covered]:
    """Have others told, so many seconds after NOW."""
    now = NOW + seconds(after_s)
    return ledger.cover(now, 15.0, partial(stand_in, paging=paging, now=now))


def routed(intents: Sequence[PageIntent], known: dict[str, frozenset[str]]) -> Sequence[Delivery]:
    """As the collector does it."""
    return deliveries_of(intents, BACKED, known)


def stands(ledger: Ledger, incident: str = "inc-1") -> list[tuple[int, str, str, str]]:
    """Every delivery: which, where, instead of whom, how far."""
    return [(one.intent.seq, one.destination, one.instead_of, one.state.value) for one in ledger.deliveries(incident)]
