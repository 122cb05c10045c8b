"""
The queue of pages in the transactional store: who may send what now, what came of it, and who is told instead.

For one incident and destination a later page waits for the earlier one. What is due at a destination is leased under
the lock of its bucket, the worst first, so that collectors share what it takes in a minute. A lease outlives one
attempt and not an operator's patience; a collector that starts again takes back its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from collector.storage.ledger_bucket import burst, filled
from collector.storage.ledger_database import Database
from collector.storage.ledger_rows import OPEN, delivery_of, key_of, row_of, this, waits_behind
from collector.storage.ledger_tables import ATTEMPTS, BUCKETS, DELIVERIES, STATE
from schemas.destinations import Destination
from schemas.page import Delivery, DeliveryState, SendResult

LEASE_S = 10.0  # beyond what one attempt may take
STRANGE_S = 60.0  # a page for a destination that we do not know is left to another collector's newer settings so long
COVER_ROWS_MAX = 100

_PENDING, _LEASED, _DEAD = DeliveryState.PENDING.value, DeliveryState.LEASED.value, DeliveryState.DEAD.value


class StandIn(Protocol):
    """Who is told instead: a name, '' for nobody, and what must be added for it."""

    @property
    def name(self) -> str:
        """The destination."""
        ...

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """What is to be delivered there."""
        ...


@dataclass(frozen=True, slots=True)
class Covered:
    """A delivery that is late or dead, and who is told instead ('' for nobody)."""

    delivery: Delivery
    by: str


class LedgerOutbox:
    """The outbox of *database*; *owner* names this collector in leases, the same after a restart."""

    _database: Database
    _owner: str

    def lease(self, now: datetime, destinations: Mapping[str, Destination], at_once: int) -> list[Delivery]:
        """What may be sent now, at most *at_once* held for each destination; the worst first, then the oldest."""
        with self._database.reading("outbox") as db:  # the common case writes nothing
            due = sa.select(DELIVERIES.c.destination).where(_due(now, set(destinations))).distinct()
            names = sorted(db.execute(due).scalars())
        taken = [row for name in names for row in self._lease_for(name, now, destinations, at_once)]
        taken.sort(key=lambda row: (row["urgency"], row["decided_at"], row["incident"], row["seq"]))
        return [delivery_of(row, DeliveryState.LEASED) for row in taken]

    def _lease_for(
        self, name: str, now: datetime, destinations: Mapping[str, Destination], at_once: int
    ) -> Sequence[Any]:
        stamp, settings = now.timestamp(), destinations.get(name)
        with self._database.transaction("outbox") as db:
            tokens = self._tokens(db, name, stamp, settings.per_minute) if settings else float(at_once)
            room = min(at_once - self._held(db, name, stamp), int(tokens))
            if room <= 0:
                return []
            first = sa.select(DELIVERIES).where(_due(now, set(destinations)), DELIVERIES.c.destination == name)
            order = (_urgency(), DELIVERIES.c.decided_at, DELIVERIES.c.incident, DELIVERIES.c.seq)
            rows = db.execute(first.order_by(*order).limit(room)).mappings().all()
            until = stamp + LEASE_S + (settings.timeout if settings else 0.0)
            for row in sorted(rows, key=_key):  # in one order everywhere, so that nobody waits for each other
                db.execute(
                    sa.update(DELIVERIES).where(this(row)).values(
                        state=_LEASED, lease_owner=self._owner, lease_until=until,
                        first_attempt_at=row["first_attempt_at"] or stamp,
                    )
                )  # fmt: skip
            if rows and settings:
                spent = {"tokens": tokens - len(rows), "at": stamp}
                db.execute(sa.update(BUCKETS).where(BUCKETS.c.destination == name).values(spent))
            return rows

    def _tokens(self, db: sa.Connection, name: str, stamp: float, per_minute: int) -> float:
        """The tokens of a destination now; its bucket is locked until the transaction ends."""
        full = {"destination": name, "tokens": float(burst(per_minute)), "at": stamp}
        bucket = sa.select(BUCKETS.c.tokens, BUCKETS.c.at).where(BUCKETS.c.destination == name).with_for_update()
        found = db.execute(bucket).one_or_none()
        if found is None:
            self._database.insert_new(db, BUCKETS, full)
            found = db.execute(bucket).one()
        return filled(found.tokens, stamp - found.at, per_minute)

    def _held(self, db: sa.Connection, name: str, stamp: float) -> int:
        mine = sa.and_(
            DELIVERIES.c.state == _LEASED,
            DELIVERIES.c.destination == name,
            DELIVERIES.c.lease_owner == self._owner,
            DELIVERIES.c.lease_until > stamp,
        )
        return db.execute(sa.select(sa.func.count()).select_from(DELIVERIES).where(mine)).scalar_one()

    def settle(self, delivery: Delivery, result: SendResult) -> None:
        """
        Record one attempt and what follows from it.

        A lease that has passed to another collector is theirs to settle, unless the receiver took the page.
        """
        key = key_of(delivery)
        error = result.error.replace("\0", "").encode(errors="replace").decode()
        with self._database.transaction("outbox") as db:
            row = db.execute(sa.select(DELIVERIES).where(this(key)).with_for_update()).mappings().one_or_none()
            if row is None:
                return
            attempt = row["attempt"] + 1
            changes: dict[str, Any] = {"attempt": attempt}
            mine = row["state"] == _LEASED and row["lease_owner"] == self._owner
            done = result.state is DeliveryState.DELIVERED
            if mine or (done and row["delivered_at"] is None):
                changes |= {
                    "state": result.state.value,
                    "next_attempt_at": (result.retry_at or result.at).timestamp(),
                    "lease_owner": None,
                    "lease_until": None,
                    "delivered_at": result.at.timestamp() if done else None,
                    "last_status": result.status,
                    "last_error": error,
                    "minimal": result.minimal,
                }
                if result.state is DeliveryState.DEAD and not row["covered_by"]:
                    changes["covered_by"] = None  # whoever could not help a late page may help a dead one
            db.execute(sa.update(DELIVERIES).where(this(key)).values(changes))
            db.execute(sa.insert(ATTEMPTS).values(_attempt(delivery, result, attempt, error)))

    def release(self) -> None:
        """Give back what this collector held when it died."""
        with self._database.transaction("outbox") as db:
            db.execute(
                sa.update(DELIVERIES)
                .where(DELIVERIES.c.state == _LEASED, DELIVERIES.c.lease_owner == self._owner)
                .values(state=_PENDING, lease_owner=None, lease_until=None)
            )

    def cover(
        self, now: datetime, after_s: float, stand_in: Callable[[Delivery, Sequence[Delivery]], StandIn]
    ) -> list[Covered]:
        """
        Have others told of what is dead, or not delivered *after_s* after it was put in the outbox; once for each.

        Under the lock of the judge's state: a decision that is being made knows all who were told before it.
        """
        late = sa.and_(DELIVERIES.c.state.in_(OPEN), DELIVERIES.c.queued_at <= now.timestamp() - after_s)
        open_ = sa.and_(DELIVERIES.c.covered_by.is_(None), sa.or_(late, DELIVERIES.c.state == _DEAD))
        wanted = sa.select(DELIVERIES).where(open_)
        with self._database.reading("outbox") as db:  # the common case writes nothing
            if not db.execute(wanted.limit(1)).first():
                return []
        order = (DELIVERIES.c.urgency, DELIVERIES.c.decided_at, DELIVERIES.c.seq, DELIVERIES.c.destination)
        covered = []
        with self._database.transaction("outbox") as db:
            db.execute(sa.select(STATE.c.id).where(STATE.c.id == 1).with_for_update())
            for row in db.execute(wanted.order_by(*order).limit(COVER_ROWS_MAX)).mappings().all():
                same = sa.select(DELIVERIES).where(DELIVERIES.c.incident == row["incident"])
                found = stand_in(delivery_of(row), [delivery_of(one) for one in db.execute(same).mappings()])
                self.add(db, found.deliveries)
                covered.append((_key(row), row, found.name))
            for _, row, name in sorted(covered, key=lambda one: one[0]):
                db.execute(sa.update(DELIVERIES).where(this(row)).values(covered_by=name))
        return [Covered(delivery_of(row), name) for _, row, name in covered]

    def add(self, db: sa.Connection, deliveries: Sequence[Delivery]) -> None:
        """Put *deliveries* into the outbox; one that is there already stays as it is."""
        for delivery in deliveries:
            self._database.insert_new(db, DELIVERIES, row_of(delivery))


def _due(now: datetime, known: set[str]) -> sa.ColumnElement[bool]:
    """Whether a delivery may be sent now, as far as time and order go."""
    stamp = now.timestamp()
    free = sa.or_(
        sa.and_(DELIVERIES.c.state == _PENDING, DELIVERIES.c.next_attempt_at <= stamp),
        sa.and_(DELIVERIES.c.state == _LEASED, DELIVERIES.c.lease_until <= stamp),
    )
    ours = sa.or_(DELIVERIES.c.destination.in_(known), DELIVERIES.c.queued_at <= stamp - STRANGE_S)
    return sa.and_(DELIVERIES.c.state.in_(OPEN), free, ours, ~waits_behind())


def _key(row: Any) -> tuple[str, int, str]:
    return row["incident"], row["seq"], row["destination"]


def _urgency() -> sa.ScalarSelect[int]:
    """How urgent the worst page is that this one holds back, itself included."""
    behind = DELIVERIES.alias("behind")
    return (
        sa.select(sa.func.min(behind.c.urgency))
        .where(
            behind.c.incident == DELIVERIES.c.incident,
            behind.c.destination == DELIVERIES.c.destination,
            behind.c.state.in_(OPEN),
        )
        .scalar_subquery()
    )


def _attempt(delivery: Delivery, result: SendResult, attempt: int, error: str) -> dict[str, Any]:
    """The row of one attempt."""
    intent, late = delivery.intent, delivery.late_by(result.at)
    body = {
        **key_of(delivery),
        "attempt": attempt,
        "provider": intent.provider,
        "severity": intent.severity.value,
        "change": intent.change.value,
        "state": result.state.value,
        "status": result.status,
        "error": error,
        "failed_at": intent.failed_at.isoformat(),
        "at": result.at.isoformat(),
        "instead_of": delivery.instead_of,
    }
    return {
        **key_of(delivery),
        "attempt": attempt,
        "body": json.dumps(body),
        "copied": False,
        "late_s": late.total_seconds() if late else None,
        "took_ms": result.took_ms,
    }
