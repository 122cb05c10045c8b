"""
Reports in the transactional store: which are due, who makes them, and what went out.

One row for each report, period and provider, for ever: what was sent once is not sent again, whoever starts anew. A
row is leased before it is worked on; a lease that ran out is anybody's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from collector.storage.ledger_database import Database
from collector.storage.ledger_tables import REPORTS

LEASE_S = 300.0  # printing and sending one takes less
ROWS_MAX = 1_000


class ReportState(StrEnum):
    """What became of a report."""

    PENDING = "pending"
    SENT = "sent"
    NOTHING = "nothing"  # nobody had judged the provider by the end of the period
    DEAD = "dead"  # given up


@dataclass(frozen=True, slots=True, order=True)
class ReportKey:
    """One report of one provider for one period."""

    report: str
    period: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportResult:
    """What came of one attempt at *at*; retry_at is given while it is pending."""

    state: ReportState
    at: datetime
    place: str = ""
    sha256: str = ""
    size: int = 0
    error: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """How a report stands: *ends* closes its period, *place* is where it went, *at* when it was tried last."""

    report: str
    period: str
    provider: str
    ends: datetime
    state: ReportState
    attempt: int
    at: datetime | None
    next_attempt_at: datetime
    place: str
    sha256: str
    size: int
    error: str

    @property
    def key(self) -> ReportKey:
        """Which it is."""
        return ReportKey(self.report, self.period, self.provider)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"state": self.state.value}


class LedgerReports:
    """The reports of *database*; *owner* names this collector in leases, the same after a restart."""

    _database: Database
    _owner: str

    def plan_reports(self, keys: Iterable[ReportKey], ends: datetime, now: datetime) -> None:
        """Note what is due; what is noted already stays as it is."""
        wanted = list(keys)
        with self._database.reading("reports") as db:  # the common case writes nothing
            there = sa.select(*REPORTS.primary_key).where(REPORTS.c.ends == ends.timestamp())
            known = {ReportKey(row.report, row.period, row.provider) for row in db.execute(there).all()}
        fresh = [key for key in wanted if key not in known]
        if fresh:
            with self._database.transaction("reports") as db:
                for key in fresh:
                    row = asdict(key) | {"ends": ends.timestamp(), "state": ReportState.PENDING.value}
                    self._database.insert_new(db, REPORTS, row | {"attempt": 0, "next_attempt_at": now.timestamp()})

    def lease_report(self, now: datetime, ends_until: datetime) -> ReportRow | None:
        """
        One that is due, whose period ended by *ends_until*, and that nobody holds: held from now on, the oldest first.

        None when there is none.
        """
        stamp = now.timestamp()
        free = sa.or_(REPORTS.c.lease_until.is_(None), REPORTS.c.lease_until <= stamp)
        ripe = sa.and_(REPORTS.c.next_attempt_at <= stamp, REPORTS.c.ends <= ends_until.timestamp())
        due = sa.and_(REPORTS.c.state == ReportState.PENDING.value, ripe, free)
        with self._database.reading("reports") as db:  # the common case writes nothing
            if db.execute(sa.select(REPORTS.c.report).where(due).limit(1)).first() is None:
                return None
        with self._database.transaction("reports") as db:
            chosen = sa.select(REPORTS).where(due).order_by(REPORTS.c.next_attempt_at, *REPORTS.primary_key).limit(1)
            row = db.execute(chosen.with_for_update(skip_locked=True)).mappings().one_or_none()
            if row is None:
                return None
            held = _row(row)
            leased = {"lease_owner": self._owner, "lease_until": stamp + LEASE_S}
            db.execute(sa.update(REPORTS).where(_this(held.key)).values(leased))
            return held

    def settle_report(self, key: ReportKey, result: ReportResult) -> None:
        """Record one attempt; one that went out stays so."""
        error = result.error.replace("\0", "").encode(errors="replace").decode()
        values = {
            "state": result.state.value, "attempt": REPORTS.c.attempt + 1, "at": result.at.timestamp(),
            "next_attempt_at": (result.retry_at or result.at).timestamp(), "place": result.place,
            "sha256": result.sha256, "size": result.size, "error": error, "lease_owner": None, "lease_until": None,
        }  # fmt: skip
        open_still = sa.and_(_this(key), REPORTS.c.state == ReportState.PENDING.value)
        with self._database.transaction("reports") as db:
            db.execute(sa.update(REPORTS).where(open_still).values(values))

    def reports(self, limit: int = ROWS_MAX) -> list[ReportRow]:
        """Reports as they stand, those of the newest periods first."""
        newest = sa.select(REPORTS).order_by(REPORTS.c.ends.desc(), *REPORTS.primary_key).limit(min(limit, ROWS_MAX))
        with self._database.reading("reports") as db:
            return [_row(row) for row in db.execute(newest).mappings().all()]

    def release_reports(self) -> None:
        """Give back what this collector held when it died."""
        mine = sa.update(REPORTS).where(REPORTS.c.lease_owner == self._owner)
        with self._database.transaction("reports") as db:
            db.execute(mine.values(lease_owner=None, lease_until=None))


def _this(key: ReportKey) -> sa.ColumnElement[bool]:
    return sa.and_(*(REPORTS.c[name] == value for name, value in asdict(key).items()))


def _row(row: Any) -> ReportRow:
    stamps: dict[str, Any] = {name: _instant(row[name]) for name in ("ends", "at", "next_attempt_at")}
    same = {name: row[name] for name in ("report", "period", "provider", "attempt", "place", "sha256", "size", "error")}
    return ReportRow(**same, **stamps, state=ReportState(row["state"]))


def _instant(stamp: float | None) -> datetime | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC)
