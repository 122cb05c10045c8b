"""
The transactional store: a decision and its deliveries are one transaction, and nothing that was decided is lost.

SQLite in WAL mode, synchronous FULL. Every method raises StoreUnavailable. Use one Ledger per thread at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.sqlite import insert

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.storage.ledger_tables import ATTEMPTS, DELIVERIES, METADATA, STATE, TRANSITIONS
from schemas.errors import StoreUnavailable
from schemas.incident import PageIntent
from schemas.page import Delivery, DeliveryState, SendResult

LEASE_S = 30.0
_INTENT = TypeAdapter(PageIntent)

Decide = Callable[[HotState], Decision]
Known = dict[str, frozenset[str]]
Deliveries = Callable[[Sequence[PageIntent], Known], Sequence[Delivery]]


class Ledger:
    """An open transactional store; *owner* names this process in leases."""

    def __init__(self, path: Path, *, owner: str, simulated: bool = False) -> None:
        self._owner, self._simulated = owner, simulated
        self._engine = sa.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
        sa.event.listen(self._engine, "connect", _durable)
        with _named(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            METADATA.create_all(self._engine)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def step(self, decide: Decide, deliveries: Deliveries) -> Decision:
        """
        Load the state, decide, and store state, transitions and deliveries: all or nothing.

        A decision that changes nothing writes nothing but the state.
        """
        with _named("state"), self._engine.connect() as db, _Transaction(db):
            body = db.execute(sa.select(STATE.c.body).where(STATE.c.id == 1)).scalar_one_or_none()
            decision = decide(HotState.from_json(body) if body else HotState())
            fresh = decision.state.to_json()
            if fresh != body:
                put = insert(STATE).values(id=1, body=fresh)
                db.execute(put.on_conflict_do_update(index_elements=["id"], set_={"body": fresh}))
            self._add_transitions(db, decision)
            if decision.intents:
                self._add_deliveries(db, deliveries(decision.intents, self._known(db, decision.intents)))
            return decision

    def state(self) -> HotState:
        """What the judge remembers."""
        with _named("state"), self._engine.connect() as db:
            body = db.execute(sa.select(STATE.c.body).where(STATE.c.id == 1)).scalar_one_or_none()
            return HotState.from_json(body) if body else HotState()

    def lease(self, now: datetime, limit: int) -> list[Delivery]:
        """Due deliveries held for this owner; an earlier one of the same incident and destination goes first."""
        earlier = DELIVERIES.alias("earlier")
        waits = (
            sa.select(sa.literal(1))
            .where(
                earlier.c.incident == DELIVERIES.c.incident,
                earlier.c.destination == DELIVERIES.c.destination,
                earlier.c.seq < DELIVERIES.c.seq,
                earlier.c.state.in_([DeliveryState.PENDING, DeliveryState.LEASED]),
            )
            .exists()
        )
        stamp = now.timestamp()
        free = sa.or_(
            sa.and_(DELIVERIES.c.state == DeliveryState.PENDING, DELIVERIES.c.next_attempt_at <= stamp),
            sa.and_(DELIVERIES.c.state == DeliveryState.LEASED, DELIVERIES.c.lease_until <= stamp),
        )
        due = sa.select(DELIVERIES).where(free, ~waits).order_by(DELIVERIES.c.next_attempt_at).limit(limit)
        with _named("outbox"), self._engine.connect() as db:
            if not db.execute(due.limit(1)).first():  # the common case writes nothing
                return []
            with _Transaction(db):
                rows = db.execute(due).mappings().all()
                for row in rows:
                    db.execute(
                        _one(row).values(
                            state=DeliveryState.LEASED.value, lease_owner=self._owner, lease_until=stamp + LEASE_S,
                            first_attempt_at=row["first_attempt_at"] or stamp,
                        )
                    )  # fmt: skip
            return [_delivery(row) for row in rows]

    def settle(self, delivery: Delivery, result: SendResult) -> None:
        """Record one attempt and what follows from it."""
        intent = delivery.intent
        attempt = delivery.attempt + 1
        done = result.state is DeliveryState.DELIVERED
        audit = {
            "incident": intent.incident,
            "seq": intent.seq,
            "destination": delivery.destination,
            "attempt": attempt,
            "provider": intent.provider,
            "severity": intent.severity.value,
            "change": intent.change.value,
            "state": result.state.value,
            "status": result.status,
            "error": result.error,
            "failed_at": intent.failed_at.isoformat(),
            "at": result.at.isoformat(),
        }
        with _named("outbox"), self._engine.connect() as db, _Transaction(db):
            db.execute(
                _one({"incident": intent.incident, "seq": intent.seq, "destination": delivery.destination}).values(
                    state=result.state.value,
                    attempt=attempt,
                    next_attempt_at=(result.retry_at or result.at).timestamp(),
                    lease_owner=None,
                    lease_until=None,
                    delivered_at=result.at.timestamp() if done else None,
                    last_status=result.status,
                    last_error=result.error,
                )
            )
            db.execute(
                insert(ATTEMPTS)
                .values(
                    incident=intent.incident, seq=intent.seq, destination=delivery.destination, attempt=attempt,
                    body=json.dumps(audit), copied=False,
                )
                .on_conflict_do_nothing()
            )  # fmt: skip

    def release(self) -> None:
        """Give back what an earlier process of this machine held when it died."""
        with _named("outbox"), self._engine.connect() as db:
            db.execute(
                sa.update(DELIVERIES)
                .where(DELIVERIES.c.state == DeliveryState.LEASED)
                .values(state=DeliveryState.PENDING.value, lease_owner=None, lease_until=None)
            )

    def uncopied(self, limit: int) -> dict[str, list[dict[str, Any]]]:
        """Rows that ClickHouse has not got yet, by its table name; datetimes aware."""
        with _named("copies"), self._engine.connect() as db:
            return {
                name: [
                    _with_times(json.loads(body))
                    for body in db.execute(sa.select(table.c.body).where(~table.c.copied).limit(limit)).scalars()
                ]
                for name, table in (("incident_transitions", TRANSITIONS), ("page_attempts", ATTEMPTS))
            }

    def copied(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Mark rows of `uncopied` as copied."""
        tables = {"incident_transitions": TRANSITIONS, "page_attempts": ATTEMPTS}
        with _named("copies"), self._engine.connect() as db, _Transaction(db):
            for name, several in rows.items():
                table = tables[name]
                for row in several:
                    same = sa.and_(*(column == row[column.name] for column in table.primary_key))
                    db.execute(sa.update(table).where(same).values(copied=True))

    def waiting(self) -> int:
        """How many deliveries are neither delivered nor dead."""
        with _named("outbox"), self._engine.connect() as db:
            open_ = DELIVERIES.c.state.in_([DeliveryState.PENDING, DeliveryState.LEASED])
            return db.execute(sa.select(sa.func.count()).select_from(DELIVERIES).where(open_)).scalar_one()

    def oldest_waiting(self, now: datetime) -> float | None:
        """How many seconds the oldest page waits that is due; None when none does."""
        with _named("outbox"), self._engine.connect() as db:
            open_ = DELIVERIES.c.state.in_([DeliveryState.PENDING, DeliveryState.LEASED])
            due = sa.select(sa.func.min(DELIVERIES.c.next_attempt_at)).where(open_)
            oldest = db.execute(due).scalar_one_or_none()
            return None if oldest is None or oldest > now.timestamp() else now.timestamp() - oldest

    def _known(self, db: sa.Connection, intents: Sequence[PageIntent]) -> Known:
        ids = {intent.incident for intent in intents}
        rows = db.execute(
            sa.select(DELIVERIES.c.incident, DELIVERIES.c.destination).where(DELIVERIES.c.incident.in_(ids)).distinct()
        ).all()
        return {id: frozenset(name for incident, name in rows if incident == id) for id in ids}

    def _add_transitions(self, db: sa.Connection, decision: Decision) -> None:
        incidents = {incident.id: incident for incident in decision.incidents}
        for transition in decision.transitions:
            incident = incidents[transition.incident]
            body = {
                "incident": transition.incident,
                "seq": transition.seq,
                "change": transition.change.value,
                "state": transition.state.value,
                "severity": transition.severity.value,
                "level": transition.scope.level.value,
                "scope": transition.scope.id,
                "provider": incident.provider,
                "signal": incident.signal.value,
                "reason": incident.reason,
                "cause": transition.cause,
                "parent": incident.parent or "",
                "failed_at": incident.failed_at.isoformat(),
                "opened_at": incident.opened_at.isoformat(),
                "at": transition.at.isoformat(),
                "acknowledged_by": incident.acknowledged.by if incident.acknowledged else "",
                "suppressed_by": incident.suppressed_by,
                "flapping": incident.flapping,
                "blind": incident.blind,
                "certainty": incident.evidence.certainty,
                "affected": incident.evidence.affected,
                "affected_n": incident.evidence.affected_n,
                "watched_n": incident.evidence.watched_n,
                "observations": incident.evidence.observations,
                "simulated": self._simulated,
            }
            db.execute(
                insert(TRANSITIONS).values(
                    incident=transition.incident, seq=transition.seq, body=json.dumps(body), copied=False
                )
            )

    def _add_deliveries(self, db: sa.Connection, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            db.execute(
                insert(DELIVERIES)
                .values(
                    incident=delivery.intent.incident, seq=delivery.intent.seq, destination=delivery.destination,
                    intent=_INTENT.dump_json(delivery.intent).decode(),
                    state=delivery.state.value, attempt=0, next_attempt_at=delivery.next_attempt_at.timestamp(),
                )
                .on_conflict_do_nothing()
            )  # fmt: skip


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT on a connection in autocommit mode, or ROLLBACK when the block raises."""

    def __init__(self, db: sa.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.exec_driver_sql("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._db.exec_driver_sql("COMMIT" if kind is None else "ROLLBACK")


class _named:
    """Every failure of the database as StoreUnavailable, naming *what*."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sa.exc.SQLAlchemyError | OSError):
            raise StoreUnavailable(f"transactional store ({self._what}): {str(error).splitlines()[0][:300]}") from error


def _durable(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _one(row: Any) -> sa.Update:
    return sa.update(DELIVERIES).where(
        DELIVERIES.c.incident == row["incident"],
        DELIVERIES.c.seq == row["seq"],
        DELIVERIES.c.destination == row["destination"],
    )


def _delivery(row: Any) -> Delivery:
    first = row["first_attempt_at"]
    return Delivery(
        intent=_INTENT.validate_json(row["intent"]),
        destination=row["destination"],
        state=DeliveryState.LEASED,
        attempt=row["attempt"],
        next_attempt_at=datetime.fromtimestamp(row["next_attempt_at"], UTC),
        first_attempt_at=datetime.fromtimestamp(first, UTC) if first else None,
    )


def _with_times(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: datetime.fromisoformat(row[name]) for name in ("failed_at", "opened_at", "at") if name in row}
    return row | times
