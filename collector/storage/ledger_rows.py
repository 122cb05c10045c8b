"""Deliveries as rows of the transactional store, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from collector.storage.ledger_tables import DELIVERIES
from schemas.incident import IncidentState, PageIntent, Signal
from schemas.page import Delivery, DeliveryState

OPEN = (DeliveryState.PENDING.value, DeliveryState.LEASED.value)
_INTENT = TypeAdapter(PageIntent)


def waits_behind() -> sa.ColumnElement[bool]:
    """Whether an earlier delivery of the same incident and destination is still open."""
    earlier = DELIVERIES.alias("earlier")
    return (
        sa.select(sa.literal(1))
        .where(
            earlier.c.incident == DELIVERIES.c.incident,
            earlier.c.destination == DELIVERIES.c.destination,
            earlier.c.seq < DELIVERIES.c.seq,
            earlier.c.state.in_(OPEN),
        )
        .exists()
    )


def row_of(delivery: Delivery) -> dict[str, Any]:
    """The row of a delivery that nobody has tried."""
    intent = delivery.intent
    return {
        "incident": intent.incident,
        "seq": intent.seq,
        "destination": delivery.destination,
        "intent": _INTENT.dump_json(intent).decode(),
        "state": delivery.state.value,
        "attempt": 0,
        "next_attempt_at": delivery.next_attempt_at.timestamp(),
        "urgency": int(intent.severity.value[1:]),
        "decided_at": intent.at.timestamp(),
        "queued_at": delivery.next_attempt_at.timestamp(),
        "instead_of": delivery.instead_of,
        "minimal": delivery.minimal,
    }


def delivery_of(row: Any, state: DeliveryState | None = None) -> Delivery:
    """The delivery of a row, in *state* where that is given."""
    first = row["first_attempt_at"]
    return Delivery(
        intent=intent_of(row["intent"]),
        destination=row["destination"],
        state=state or DeliveryState(row["state"]),
        attempt=row["attempt"],
        next_attempt_at=datetime.fromtimestamp(row["next_attempt_at"], UTC),
        first_attempt_at=datetime.fromtimestamp(first, UTC) if first else None,
        instead_of=row["instead_of"],
        minimal=row["minimal"],
    )


def intent_of(text: str) -> PageIntent:
    """The intent that is stored, by this version or the one before it."""
    if '"signal"' in text:
        return _INTENT.validate_json(text)
    plain = json.loads(text)
    over = plain["change"] == "resolved"
    plain |= {"signal": Signal.HARD_DOWN, "rule": "", "state": IncidentState.RESOLVED if over else IncidentState.OPEN}
    return _INTENT.validate_python(plain)


def this(row: Any) -> sa.ColumnElement[bool]:
    """Whether a row of `deliveries` is the one that *row* or a delivery's key names."""
    return sa.and_(*(column == row[column.name] for column in DELIVERIES.primary_key))


def key_of(delivery: Delivery) -> dict[str, Any]:
    """The unique key of a delivery."""
    return {
        "incident": delivery.intent.incident,
        "seq": delivery.intent.seq,
        "destination": delivery.destination,
    }


def with_times(body: dict[str, Any]) -> dict[str, Any]:
    """A row as it is copied to ClickHouse, its times as datetimes, an amount as a decimal number."""
    if body.get("amount") is not None:
        body = body | {"amount": Decimal(body["amount"])}
    times = {name: datetime.fromisoformat(body[name]) for name in ("failed_at", "opened_at", "at") if name in body}
    return body | times
