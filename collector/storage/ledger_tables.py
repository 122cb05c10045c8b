"""The tables of the transactional store: the judge's state, transitions, responses, deliveries, attempts, reports."""

from __future__ import annotations

import json
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    false,
)

METADATA = MetaData()

# digest: of the body, so that whoever wrote it last need not read it again.
STATE = Table(
    "judge_state",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("body", Text, nullable=False),
    Column("digest", String(32)),
)

# body: the row as it is copied to ClickHouse, JSON.
TRANSITIONS = Table(
    "transitions",
    METADATA,
    Column("incident", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("copied", Boolean, nullable=False, default=False),
    PrimaryKeyConstraint("incident", "seq"),
)

# intent: JSON. Times in seconds since the epoch, so that they compare in every database. urgency: 0 for P0 and so on.
# covered_by: who was told instead; '' when there is nobody, NULL while nobody has looked.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("incident", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("destination", String(63), nullable=False),
    Column("intent", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("next_attempt_at", Float, nullable=False),
    Column("first_attempt_at", Float),
    Column("lease_owner", String(255)),
    Column("lease_until", Float),
    Column("delivered_at", Float),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("urgency", Integer, nullable=False, server_default="0"),
    Column("decided_at", Float),
    Column("queued_at", Float),
    Column("instead_of", String(63), nullable=False, server_default=""),
    Column("minimal", Boolean, nullable=False, server_default=false()),
    Column("covered_by", String(63)),
    PrimaryKeyConstraint("incident", "seq", "destination"),
    Index("deliveries_due", "state", "next_attempt_at"),
    Index("deliveries_decided", "decided_at"),
)

# body: as of a transition. late_s: how long after its decision a late attempt ended, NULL when it was in time.
ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("incident", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("destination", String(63), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("copied", Boolean, nullable=False, default=False),
    Column("late_s", Float),
    Column("took_ms", Float),
    PrimaryKeyConstraint("incident", "seq", "destination", "attempt"),
)

# body: what somebody asked for, and what became of it, as it is copied to ClickHouse, JSON.
RESPONSES = Table(
    "responses",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("body", Text, nullable=False),
    Column("copied", Boolean, nullable=False, default=False),
)

# What a destination takes: tokens left at an instant. Its row is also the lock under which its pages are leased.
BUCKETS = Table(
    "buckets",
    METADATA,
    Column("destination", String(63), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("at", Float, nullable=False),
)

# Scorecards that were written or sent by themselves, one row for each report, period and provider. Times as above; `at`
# is that of the last attempt.
REPORTS = Table(
    "reports",
    METADATA,
    Column("report", String(63), nullable=False),
    Column("period", String(16), nullable=False),
    Column("provider", String(63), nullable=False),
    Column("ends", Float, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("next_attempt_at", Float, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_until", Float),
    Column("at", Float),
    Column("place", Text, nullable=False, server_default=""),
    Column("sha256", String(64), nullable=False, server_default=""),
    Column("size", Integer, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("report", "period", "provider"),
    Index("reports_due", "state", "next_attempt_at"),
)

for _table in (TRANSITIONS, ATTEMPTS, RESPONSES):
    _open = _table.c.copied.is_(false())
    Index(f"{_table.name}_uncopied", _table.c.copied, sqlite_where=_open, postgresql_where=_open)


def prepare(db: sa.Connection) -> None:
    """Make what is missing, in a file of an older version too; within the transaction of *db*."""
    METADATA.create_all(db)
    there = sa.inspect(db)
    for table in METADATA.sorted_tables:
        names = {column["name"] for column in there.get_columns(table.name)}
        for column in table.columns:
            if column.name not in names:
                described = sa.schema.CreateColumn(column).compile(db)
                db.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {described}")
        for index in table.indexes:
            index.create(db, checkfirst=True)
    _fill(db)


def _fill(db: sa.Connection) -> None:
    """What deliveries of an older version did not say in columns; its dead letters stay as they were."""
    old = sa.select(DELIVERIES).where(DELIVERIES.c.decided_at.is_(None))
    for row in db.execute(old).mappings().all():
        intent = json.loads(row["intent"])
        at = datetime.fromisoformat(intent["at"]).timestamp()
        db.execute(
            sa.update(DELIVERIES)
            .where(*(column == row[column.name] for column in DELIVERIES.primary_key))
            .values(
                urgency=int(intent["severity"][1:]), decided_at=at, queued_at=at,
                covered_by="" if row["state"] == "dead" else None,
            )
        )  # fmt: skip
