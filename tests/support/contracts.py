"""Contracts and records of probes, written short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.judgement.sla.record import Record, Slot
from schemas.contract import Commitment, Contract, Credits, Terms

BEGINS = datetime(2026, 10, 1, tzinfo=UTC)
LADDER = (
    {"at_least": "99.0%", "below": "99.9%", "credit": "10%"},
    {"at_least": "95.0%", "below": "99.0%", "credit": "25%"},
    {"at_least": "0%", "below": "95.0%", "credit": "100%"},
)


def ladder(**others: Any) -> Credits:
    """99.9, 99 and 95 % for 10, 25 and 100 % of the bill."""
    return Credits.model_validate({"ladder": LADDER, **others})


def commitment(formula: Mapping[str, Any] | str = "mean_of_intervals", **others: Any) -> Commitment:
    """99.9 % by *formula*, 10,000 a month."""
    said = {"kind": formula} if isinstance(formula, str) else formula
    given = {"name": "uptime", "promised": "99.9%", "formula": said, "credits": {"ladder": LADDER}}
    return Commitment.model_validate(given | {"spend": {"month": 10_000}} | others)


def terms(*commitments: Commitment, **others: Any) -> Terms:
    """Terms in force since 2026, of UTC."""
    said = [one.model_dump() for one in commitments or (commitment(),)]
    return Terms.model_validate({"begins": "2026-01-01", "source": {"title": "a test"}, "commitments": said} | others)


def contract(*versions: Terms, **others: Any) -> Contract:
    """A contract of *versions*."""
    return Contract.model_validate({"versions": [one.model_dump() for one in versions or (terms(),)]} | others)


def record(
    slots: Mapping[int, Slot] | None = None,
    *,
    days: float = 30,
    slot_s: int = 300,
    by_slot: int = 5,
    seen: tuple[int, int] | None = None,
    unit: str = "acme",
) -> Record:
    """
    What was seen of *unit* in *days*: *by_slot* good requests in every slot but those given, from slot to slot *seen*.

    The whole time is seen unless *seen* says otherwise.
    """
    slots = slots or {}
    until = BEGINS + timedelta(days=days)
    n = int(days * 86400) // slot_s
    first, last = seen or (0, n - 1)
    given = list(slots.values())
    plain = (last - first + 1 - len(slots)) * by_slot
    total = Slot(
        good=plain + sum(one.good for one in given),
        failed=sum(one.failed for one in given),
        unknown=sum(one.unknown for one in given),
        timed=plain + sum(one.timed for one in given),
        late=sum(one.late for one in given),
    )
    return Record(
        unit=unit,
        begins=BEGINS,
        until=until,
        slot_s=slot_s,
        slots=slots,
        total=total,
        asked=total.known,
        pleased=total.good - total.late,
        first=BEGINS + timedelta(seconds=first * slot_s),
        last=BEGINS + timedelta(seconds=last * slot_s),
        targets=(f"{unit}/a/m",),
    )
