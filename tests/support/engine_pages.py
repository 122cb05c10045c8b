"""Looks at engines' pages, and what is read of them, written short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from collector.judgement.capacity.facts import DayLevel, PageFacts, Spread
from schemas.observation import Observation, Outcome
from tests.support.observations import seen

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
FIGURES: Mapping[str, float] = {
    "running": 120.0, "waiting": 0.0, "kv_cache_share": 0.6, "gpu_util_share": 0.95, "gpus": 8.0, "gpus_with_xid": 0.0,
    "gpus_row_remap_failed": 0.0, "gpu_ecc_double_bit": 0.0,
}  # fmt: skip


def look(
    target: str,
    tick: datetime,
    figures: Mapping[str, float] | None = None,
    outcome: Outcome = Outcome.OK,
    **others: Any,
) -> Observation:
    """A look at the page of *target*; FIGURES stand on it unless *figures* says otherwise."""
    told = dict(FIGURES if figures is None else figures) if outcome is Outcome.OK else {}
    return seen(target, tick, outcome, **{"kind": "engine_metrics", "module": "engine", "figures": told} | others)


def page(target: str = "acme/east/chat", **others: Any) -> PageFacts:
    """A page that 1000 looks read: 0.6 of the cache at 120 running, up to 0.75 at 150; nothing waits."""
    plain: dict[str, Any] = {
        "looks": 1000,
        "read": 1000,
        "first": AT - timedelta(days=14),
        "kv": Spread(1000, 0.6, 0.75),
        "running": Spread(1000, 120.0, 150.0),
        "waiting": Spread(1000, 0.0, 0.0),
        "load": Spread(1000, 120.0, 150.0),
        "gpu_util": Spread(1000, 0.95, 0.97),
        "per_request": Spread(1000, 0.005, 0.006),
        "gpu_looks": 1000,
        "newest": dict(FIGURES),
        "read_at": AT - timedelta(seconds=20),
    }
    return PageFacts(target=target, **plain | others)


def days(levels: list[float], first: date = date(2026, 11, 10), n: int = 144, hours: int = 24) -> tuple[DayLevel, ...]:
    """One day after the other, each with its level."""
    return tuple(DayLevel(first + timedelta(days=number), n, hours, level) for number, level in enumerate(levels))
