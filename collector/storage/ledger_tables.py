"""The tables of the transactional store: the judge's state, transitions, deliveries and every attempt."""

from __future__ import annotations

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
)

METADATA = MetaData()

STATE = Table("judge_state", METADATA, Column("id", Integer, primary_key=True), Column("body", Text, nullable=False))

# body: the row as it is copied to ClickHouse, JSON.
TRANSITIONS = Table(
    "transitions",
    METADATA,
    Column("incident", String(40), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("copied", Boolean, nullable=False, default=False),
    PrimaryKeyConstraint("incident", "seq"),
)

# intent: JSON. Times in seconds since the epoch, so that they compare in every database.
DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("incident", String(40), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("destination", String(63), nullable=False),
    Column("intent", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("next_attempt_at", Float, nullable=False),
    Column("first_attempt_at", Float),
    Column("lease_owner", String(64)),
    Column("lease_until", Float),
    Column("delivered_at", Float),
    Column("last_status", Integer),
    Column("last_error", Text),
    PrimaryKeyConstraint("incident", "seq", "destination"),
    Index("deliveries_due", "state", "next_attempt_at"),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("incident", String(40), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("destination", String(63), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("copied", Boolean, nullable=False, default=False),
    PrimaryKeyConstraint("incident", "seq", "destination", "attempt"),
)
