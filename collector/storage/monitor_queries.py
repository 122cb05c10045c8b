"""
The SQL of the monitor's own health: how new, late and complete what each vantage sends is, what the store holds.

Parameters: now (ms). Bulk loads of a simulated past and real traffic are left out: they say nothing of our agents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_OURS = "source = 'active' AND agent_version != 'simulated'"
_DAY = "tick >= fromUnixTimestamp64Milli({now:Int64}) - INTERVAL 1 DAY"
_HOUR = f"{_DAY} AND ingested_at >= fromUnixTimestamp64Milli({{now:Int64}}) - INTERVAL 1 HOUR"

# Whoever sent nothing for a day is out of sight, and not on this page.
VANTAGES = f"""
SELECT vantage, max(tick), max(ingested_at), groupUniqArray(8)(toString(agent_version))
FROM {{database}}.observations WHERE {_DAY} AND {_OURS} GROUP BY vantage ORDER BY vantage"""

# What came within the last hour; how late a probe began is of those that were made.
LAST_HOUR = f"""
SELECT vantage, count(), countIf(outcome = 'not_observed'),
       quantilesIf(0.5, 0.99)(late_ms, outcome != 'not_observed'), countIf(outcome != 'not_observed'),
       quantiles(0.5, 0.99)(toUnixTimestamp64Milli(ingested_at) - toUnixTimestamp64Milli(finished_at))
FROM {{database}}.observations WHERE {_HOUR} AND {_OURS} GROUP BY vantage"""

UNSEEN = f"""
SELECT vantage, reason, count() AS n
FROM {{database}}.observations WHERE {_HOUR} AND {_OURS} AND outcome = 'not_observed'
GROUP BY vantage, reason ORDER BY vantage, n DESC, reason"""

STORED = """
SELECT table, sum(rows), sum(bytes_on_disk), count() FROM system.parts
WHERE database = {database_name:String} AND active GROUP BY table ORDER BY sum(bytes_on_disk) DESC, table"""

EXAMINED = "SELECT max(at), count() FROM {database}.suspicions"


@dataclass(frozen=True, slots=True)
class VantageHealth:
    """
    What one vantage sent: the newest tick of a day, and figures of the last hour, None without any row of it.

    *late* is how long after its tick a probe began, of *made_n*; *insert* how long after its end a row was stored.
    *unseen* counts what was not observed, by reason.
    """

    vantage: str
    newest_tick: datetime
    newest_ingested_at: datetime
    versions: tuple[str, ...]
    n: int = 0
    not_observed: int = 0
    late_p50_ms: float | None = None
    late_p99_ms: float | None = None
    made_n: int = 0
    insert_p50_ms: float | None = None
    insert_p99_ms: float | None = None
    unseen: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table as it lies on disk."""

    table: str
    rows: int
    bytes: int
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorHealth:
    """How the monitor itself is, as the store knows it at *now*; None for what never happened."""

    now: datetime
    vantages: tuple[VantageHealth, ...]
    rolled_up_to: datetime | None
    judged_at: datetime | None
    examined_at: datetime | None
    engine: str
    schema: int
    tables: tuple[TableSize, ...]


def vantages_of(
    newest: Sequence[Sequence[Any]], last_hour: Sequence[Sequence[Any]], unseen: Sequence[Sequence[Any]]
) -> tuple[VantageHealth, ...]:
    """Rows of VANTAGES, LAST_HOUR and UNSEEN as one line for each vantage."""
    figures = {vantage: values for vantage, *values in last_hour}
    reasons: dict[str, list[tuple[str, int]]] = {}
    for vantage, reason, n in unseen:
        reasons.setdefault(vantage, []).append((reason, n))
    return tuple(
        _vantage(vantage, tick, ingested_at, versions, figures.get(vantage), tuple(reasons.get(vantage, ())))
        for vantage, tick, ingested_at, versions in newest
    )


def _vantage(
    vantage: str,
    newest_tick: datetime,
    newest_ingested_at: datetime,
    versions: Sequence[str],
    figures: Sequence[Any] | None,
    unseen: tuple[tuple[str, int], ...],
) -> VantageHealth:
    told = tuple(sorted(version for version in versions if version))
    if figures is None:
        return VantageHealth(vantage, newest_tick, newest_ingested_at, told)
    n, not_observed, late, made_n, inserted = figures
    late_p50, late_p99 = late if made_n else (None, None)
    insert_p50, insert_p99 = inserted
    return VantageHealth(
        vantage, newest_tick, newest_ingested_at, told, n, not_observed, late_p50, late_p99, made_n, insert_p50,
        insert_p99, unseen,
    )  # fmt: skip
