"""How long each table keeps its rows: what the settings say, what the tables hold, and how to make them agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from collector.storage.cluster import defining
from collector.storage.connection import opened, rows_of
from collector.storage.migrations import told
from schemas.config import Store

DAY_S = 86_400
_UNIT_DAYS = {"Day": 1, "Week": 7, "Month": 30, "Year": 365}
# table -> (the column that tells a row's age, the settings' name for it); every other table keeps its rows for ever
_AGED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "observations": ("toDateTime(tick)", "raw"),
        "bad_minutes": ("t", "rollups"),
        "rollup_hour": ("t", "rollups"),
        "token_arrivals": ("t", "rollups"),
        "engine_metrics": ("t", "rollups"),
        "model_hour": ("t", "rollups"),
        "model_times": ("t", "rollups"),
        "sights": ("t", "rollups"),
        "treatment_hour": ("t", "rollups"),
        "traffic_hour": ("t", "rollups"),
        "capacity_hour": ("t", "rollups"),
        "cluster_hour": ("t", "rollups"),
        "target_hour": ("t", "rollups"),
    }
)
_TTL = re.compile(r"\bTTL [^ ]+ \+ toInterval(Day|Week|Month|Year)\((\d+)\)")
_TABLES = """
SELECT name, engine_full, ifNull(total_rows, 0), ifNull(total_bytes, 0) FROM system.tables
WHERE database = {name:String} AND engine LIKE '%MergeTree' ORDER BY name"""
_OLDEST = """
SELECT table, min(min_time), min(min_date) FROM system.parts
WHERE database = {name:String} AND active AND rows > 0 GROUP BY table"""


@dataclass(frozen=True, slots=True)
class Kept:
    """One table: rows, bytes on disk, for how many days it keeps rows (None: for ever), as it is and as wanted."""

    table: str
    rows: int
    bytes: int
    days: int | None
    days_wanted: int | None
    oldest: datetime | None

    @property
    def differs(self) -> bool:
        """Whether the table does not do what the settings say."""
        return self.days != self.days_wanted


def kept(store: Store) -> tuple[Kept, ...]:
    """Every table with its age limit; raises StoreUnavailable, StoreRejected."""
    with opened(store) as driver:
        oldest = {table: at for table, at, _ in rows_of(driver, store, _OLDEST, name=store.database)}
        found = rows_of(driver, store, _TABLES, name=store.database)
    names = {name: name.removesuffix("_local") if store.cluster else name for name, *_ in found}
    return tuple(
        Kept(names[name], rows, size, _days(engine), wanted_days(store, names[name]), _stamp(oldest.get(name)))
        for name, engine, rows, size in found
    )


def applied(store: Store, tables: Iterator[Kept] | tuple[Kept, ...]) -> tuple[str, ...]:
    """Give the *tables* that differ the limit of the settings; the names of those changed."""
    changed = [one.table for one in tables if one.differs and one.table in _AGED]
    with opened(store) as driver:
        for table in changed:
            column, _ = _AGED[table]
            limit = f"MODIFY TTL {column} + INTERVAL {wanted_days(store, table)} DAY"
            for statement in told(store, f"ALTER TABLE {store.database}.{table} {limit}"):
                driver.command(statement, settings=defining(store))
    return tuple(changed)


def wanted_days(store: Store, table: str) -> int | None:
    """For how many days *table* should keep its rows; None for ever."""
    if table not in _AGED:
        return None
    seconds: float = getattr(store.retention, _AGED[table][1])
    return int(seconds // DAY_S)


def _days(engine_full: str) -> int | None:
    match = _TTL.search(engine_full)
    return int(match[2]) * _UNIT_DAYS[match[1]] if match else None


def _stamp(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) and value.year > 1970 else None
