"""What is read of the transactional store beside the work: how much waits, who was told, how well it is delivered."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collector.storage.ledger_database import Database
from collector.storage.ledger_rows import OPEN, delivery_of, waits_behind, with_times
from collector.storage.ledger_tables import ATTEMPTS, DELIVERIES
from schemas.page import LATE, Delivery, DeliveryState


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFigures:
    """
    How well pages were delivered that were decided within a window, one count for each destination told.

    n is all; first_try and late are of those *delivered*; late is later than a minute. untold is dead, and nobody else
    could be told. Seconds run from the decision to the delivery, None without any.
    """

    n: int
    delivered: int
    first_try: int
    late: int
    dead: int
    untold: int
    p50_s: float | None
    p99_s: float | None


class LedgerReads:
    """Cheap reads of *database*."""

    _database: Database

    def waiting(self) -> int:
        """How many deliveries are neither delivered nor dead."""
        with self._database.reading("outbox") as db:
            counted = sa.select(sa.func.count()).select_from(DELIVERIES).where(DELIVERIES.c.state.in_(OPEN))
            return db.execute(counted).scalar_one()

    def oldest_waiting(self, now: datetime) -> float | None:
        """
        For how many seconds the delivery that has been due longest has been left alone; None when none is due.

        One that waits for its next attempt, or is being tried, is not due; nor is one behind such a one.
        """
        pending = DELIVERIES.c.state == DeliveryState.PENDING.value
        since = sa.case((pending, DELIVERIES.c.next_attempt_at), else_=DELIVERIES.c.lease_until)
        with self._database.reading("outbox") as db:
            oldest = db.execute(
                sa.select(sa.func.min(since)).where(DELIVERIES.c.state.in_(OPEN), ~waits_behind())
            ).scalar_one_or_none()
        waited_s = None if oldest is None else now.timestamp() - oldest
        return waited_s if waited_s is not None and waited_s >= 0 else None

    def deliveries(self, incident: str) -> list[Delivery]:
        """Every delivery of *incident*, in order."""
        rows = sa.select(DELIVERIES).where(DELIVERIES.c.incident == incident)
        return self._deliveries(rows.order_by(DELIVERIES.c.seq, DELIVERIES.c.destination))

    def dead(self, limit: int) -> list[Delivery]:
        """What will never be delivered, the latest first."""
        rows = sa.select(DELIVERIES).where(DELIVERIES.c.state == DeliveryState.DEAD.value)
        return self._deliveries(rows.order_by(DELIVERIES.c.decided_at.desc()).limit(limit))

    def attempts(self, incident: str) -> list[dict[str, Any]]:
        """Every attempt to hand over a page of *incident*, in order; *late_s* None when it was in time."""
        chosen = sa.select(ATTEMPTS.c.body, ATTEMPTS.c.late_s, ATTEMPTS.c.took_ms).where(
            ATTEMPTS.c.incident == incident
        )
        order = (ATTEMPTS.c.seq, ATTEMPTS.c.destination, ATTEMPTS.c.attempt)
        with self._database.reading("outbox") as db:
            rows = db.execute(chosen.order_by(*order)).all()
        return [with_times(json.loads(body)) | {"late_s": late_s, "took_ms": took_ms} for body, late_s, took_ms in rows]

    def figures(self, since: datetime, until: datetime) -> DeliveryFigures:
        """How pages were delivered that were decided in [since, until)."""
        columns = (DELIVERIES.c.state, DELIVERIES.c.attempt, DELIVERIES.c.covered_by)
        took = DELIVERIES.c.delivered_at - DELIVERIES.c.decided_at
        decided = DELIVERIES.c.decided_at
        within = sa.and_(decided >= since.timestamp(), decided < until.timestamp())
        with self._database.reading("outbox") as db:
            rows = db.execute(sa.select(*columns, took.label("took_s")).where(within)).all()
        delivered = [row for row in rows if row.state == DeliveryState.DELIVERED.value]
        dead = [row for row in rows if row.state == DeliveryState.DEAD.value]
        seconds = sorted(row.took_s for row in delivered)
        return DeliveryFigures(
            n=len(rows),
            delivered=len(delivered),
            first_try=sum(row.attempt == 1 for row in delivered),
            late=sum(took_s >= LATE.total_seconds() for took_s in seconds),
            dead=len(dead),
            untold=sum(row.covered_by == "" for row in dead),
            p50_s=_percentile(seconds, 0.5),
            p99_s=_percentile(seconds, 0.99),
        )

    def delivered_in_time(self, since: datetime, now: datetime, within_s: float) -> tuple[int, int]:
        """
        How many pages decided from *since* on had *within_s* until *now*, and how many of them were delivered in it.

        One for each destination that was to be told; what its backups delivered counts for it. Drills are pages too.
        """
        took = DELIVERIES.c.delivered_at - DELIVERIES.c.decided_at
        columns = (DELIVERIES.c.incident, DELIVERIES.c.seq, DELIVERIES.c.destination, DELIVERIES.c.instead_of)
        decided = DELIVERIES.c.decided_at
        within = sa.and_(decided >= since.timestamp(), decided <= now.timestamp() - within_s)
        with self._database.reading("outbox") as db:
            rows = db.execute(sa.select(*columns, took.label("took_s")).where(within)).all()
        instead_of = {(row.incident, row.seq, row.destination): row.instead_of for row in rows}
        in_time: dict[tuple[str, int, str], bool] = {}
        for row in rows:
            owed = row.destination
            while instead_of.get((row.incident, row.seq, owed)):
                owed = instead_of[row.incident, row.seq, owed]
            key = (row.incident, row.seq, owed)
            in_time[key] = in_time.get(key, False) or (row.took_s is not None and row.took_s <= within_s)
        return len(in_time), sum(in_time.values())

    def _deliveries(self, rows: sa.Select[Any]) -> list[Delivery]:
        with self._database.reading("outbox") as db:
            return [delivery_of(row) for row in db.execute(rows).mappings()]


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest of *ordered* that at least *share* of them do not exceed; None of none."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
