"""What the receiver has recorded: the pages as they arrived."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from schemas.incident import Signal

OPENING = frozenset({"opened", "promoted", "reopened"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """One accepted page at the webhook; the same *webhook_id* is the same page."""

    webhook_id: str
    incident: str
    provider: str
    signal: str
    severity: str
    change: str
    summary: str
    failed_at: datetime
    decided_at: datetime
    received_at: datetime

    @property
    def after_s(self) -> float:
        """
        How long it took, in s: from the first failure of what is down, from the decision about a budget that burns.

        A budget burns over windows of hours, whose first failure says nothing of how fast the page was.
        """
        since = self.failed_at if self.signal == Signal.HARD_DOWN else self.decided_at
        return (self.received_at - since).total_seconds()


def read_arrivals(file: Path) -> tuple[Arrival, ...]:
    """The webhook's accepted pages in order of arrival, each id once; none while there is no file."""
    if not file.exists():
        return ()
    found: dict[str, Arrival] = {}
    for line in file.read_bytes().splitlines():
        arrival = _arrival(orjson.loads(line))
        if arrival is not None:
            found.setdefault(arrival.webhook_id, arrival)
    return tuple(found.values())


def _arrival(page: dict[str, Any]) -> Arrival | None:
    if page["path"] != "/webhook" or not 200 <= page["status"] < 300:
        return None
    data = page["body"]["data"]
    return Arrival(
        webhook_id=page["webhook_id"],
        incident=data["incident"],
        provider=data["provider"],
        signal=data["signal"],
        severity=data["severity"],
        change=data["change"],
        summary=data["summary"],
        failed_at=datetime.fromisoformat(data["failed_at"]),
        decided_at=datetime.fromisoformat(data["decided_at"]),
        received_at=datetime.fromisoformat(page["received_at"]),
    )
