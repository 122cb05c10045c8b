"""
What `touchstone store check` looks for: drift, broken parts, observations stored twice, rollups that differ from facts.

A check answers findings in words, none when all is well. Rollups are held against facts up to their mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from collector.storage import comparison_rollups, rollup_checks, rollup_sql
from collector.storage.client import of_ms, to_ms
from collector.storage.cluster_rollups import CLUSTER_DAYS, CLUSTERS
from collector.storage.connection import named_errors, rows_of
from collector.storage.cover import Cover
from collector.storage.migrations import shipped
from collector.storage.rollups import DAY, MARKS, floor
from schemas.config import Store

NAMED_MAX = 5  # examples in one finding
LATE = timedelta(minutes=15)  # the collector rolls up every minute
_OWN = "('MergeTree', 'ReplacingMergeTree', 'ReplicatedMergeTree', 'ReplicatedReplacingMergeTree')"

_TABLES = f"SELECT name FROM system.tables WHERE database = {{name:String}} AND engine IN {_OWN} ORDER BY name"
_APPLIED = "SELECT version, name, md5 FROM {database}.schema_versions FINAL ORDER BY version"
_DETACHED = """SELECT table, name, reason FROM system.detached_parts
WHERE database = {name:String} AND reason != '' ORDER BY table, name"""
_DOUBLES = """
SELECT concat(target, ' ', vantage, ' ', kind, ' ', toString(tick), ' attempt ', toString(attempt)), count() AS times
FROM {database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})
GROUP BY target, vantage, kind, tick, attempt, span HAVING times > 1 ORDER BY tick, target LIMIT {limit:UInt32}"""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong. *days*: whose rollups `--mend` recomputes."""

    said: str
    days: tuple[datetime, ...] = ()


class Examination:
    """One look at a store, through an open *driver*: at the last *days* days before *now*, today included."""

    def __init__(self, store: Store, driver: Any, now: datetime, days: int) -> None:
        self._store, self._driver, self._now = store, driver, now
        self.start = floor(now, DAY) - (days - 1) * DAY

    def tables(self) -> tuple[str, ...]:
        """The tables that hold rows of their own."""
        return tuple(name for (name,) in self._rows(_TABLES, name=self._store.database))

    def migrations(self) -> Iterator[Finding]:
        """Whether the schema is this version's."""
        applied = {version: (name, md5) for version, name, md5 in self._rows(_APPLIED)}
        for migration in shipped():
            found = applied.pop(migration.version, None)
            if found is None:
                yield Finding(f"{migration.name} is not applied; touchstone store migrate")
            elif found[1] != migration.md5:
                yield Finding(f"{migration.name} is not what was applied (md5 {found[1]})")
        for name, _ in applied.values():
            yield Finding(f"{name} was applied by a newer version of Touchstone")

    def detached(self) -> Iterator[Finding]:
        """Parts that the engine has set aside because they are broken: their rows are missing."""
        for table, part, reason in self._rows(_DETACHED, name=self._store.database):
            yield Finding(f"{table}: part {part} was set aside ({reason}); its rows are missing")

    def parts(self, table: str) -> Iterator[Finding]:
        """Whether every part of *table* can be read and agrees with its checksums."""
        with named_errors(self._store):
            answer = self._driver.raw_query(
                f"CHECK TABLE {self._store.database}.{table}",
                fmt="JSONCompactEachRow",
                settings={"check_query_single_value_result": 0},
            )
        for part, passed, message in map(orjson.loads, answer.splitlines()):
            if not passed:
                yield Finding(f"{table}: part {part} is broken: {message}")

    def doubles(self) -> Iterator[Finding]:
        """Observations of the window that are stored more than once."""
        for day in self._days():
            for said, times in self._rows(_DOUBLES, **self._window(day), limit=NAMED_MAX):
                yield Finding(f"observations: {said} is stored {times} times")

    def rollups(self) -> Iterator[Finding]:
        """Rollups of the window that are not what facts (of days: hours) say, and a mark that stands still."""
        mark_ms, marks = self._rows(rollup_sql.MARK, names=list(MARKS))[0]
        if marks and self._now - of_ms(mark_ms) > LATE:
            yield Finding(f"rollups stand at {of_ms(mark_ms):%Y-%m-%d %H:%M:%S} UTC: does the collector run?")
        covers = {mark: Cover.read(self._rows, self.start, self._now + DAY, marks=(mark,)) for mark in MARKS}
        for name, (mark, sql) in _ROLLUPS.items():
            until = covers[mark].days_until if name in _BY_DAY else covers[mark].hours_until
            for day in self._days():
                window = self._window(day) | {"b": min(self._window(day)["b"], to_ms(until))}
                rows = self._rows(sql, **window, limit=NAMED_MAX + 1) if window["a"] < window["b"] else ()
                if rows:
                    yield Finding(_difference(name, rows), (day,))

    def _days(self) -> Iterator[datetime]:
        day = self.start
        while day <= self._now:
            yield day
            day += DAY

    def _window(self, day: datetime) -> dict[str, int]:
        return {"a": to_ms(day), "b": to_ms(day + DAY)}

    def _rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        return rows_of(self._driver, self._store, sql, **parameters)


_BY_DAY = frozenset({"rollup_day", "cluster_day", "model_times_day"})
_COMPARED = (*comparison_rollups.ROLLUPS, comparison_rollups.TIMES_BY_DAY)
# By table: the mark that vouches for it, and what differs.
_ROLLUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bad_minutes": (rollup_sql.FACTS, rollup_checks.MINUTES),
        "rollup_hour": (rollup_sql.FACTS, rollup_checks.HOURS),
        "rollup_day": (rollup_sql.FACTS, rollup_checks.DAYS),
    }
    | {one.table: (rollup_sql.CLUSTERS, rollup_checks.differing(one)) for one in (CLUSTERS, CLUSTER_DAYS)}
    | {one.table: (rollup_sql.COMPARISON, rollup_checks.differing(one)) for one in _COMPARED}
)


def checks(examination: Examination) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    """Every check with what it looks at, the cheap ones first."""
    yield "migrations", examination.migrations
    yield "parts set aside", examination.detached
    yield "observations stored twice", examination.doubles
    yield "rollups", examination.rollups
    for table in examination.tables():
        yield f"parts of {table}", lambda table=table: examination.parts(table)  # type: ignore[misc]


def _difference(table: str, rows: Sequence[Sequence[Any]]) -> str:
    bucket, key = rows[0]
    many = f"and {'at least ' if len(rows) > NAMED_MAX else ''}{len(rows) - 1} more " if len(rows) > 1 else ""
    return (
        f"{table}: {datetime.fromtimestamp(bucket, UTC):%Y-%m-%d %H:%M} UTC {key} {many}differ from what it is made of"
    )
