"""How fast the dashboard's questions are answered over the history, ours and raw interleaved; how far from exact."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.results import Figure
from bench.spread import percentile, spread
from bench.store import history
from bench.store.questions import RAW_CARDS, Question, pages, questions
from collector.storage.clickhouse import ClickHouse
from collector.storage.connection import opened, rows_of
from collector.storage.migrations import migrate
from collector.storage.queries import Reader
from collector.storage.rollups import DAY, floor
from schemas.config import Store
from touchstone.system_clock import SystemClock

Say = Callable[[str], None]

_BYTES = """
SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE database = {name:String} AND active GROUP BY table ORDER BY table"""

_ROLLUPS = (
    "rollup_marks", "bad_minutes", "rollup_hour", "rollup_day", "token_arrivals", "engine_metrics", "model_hour",
    "model_times", "model_times_day", "sights", "treatment_hour", "traffic_hour", "capacity_hour", "cluster_hour",
    "cluster_day", "target_hour",
)  # fmt: skip


@dataclass(slots=True)
class Reads:
    """Seconds of each round of each question, by its figure; *error* is the largest of a quantile."""

    end: datetime
    rows: int = 0
    ours: dict[str, list[float]] = field(default_factory=dict)
    raw: dict[str, list[float]] = field(default_factory=dict)
    error: float = math.nan
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)  # rows, bytes on disk


def build(store: Store, days: int, say: Say) -> datetime:
    """The history of *days* whole days up to last midnight, unless it is there; gives its end."""
    migrate(store)
    with opened(store) as driver:
        held = dict(rows_of(driver, store, "SELECT toDate(tick), count() FROM {database}.observations GROUP BY 1"))
        end = floor(datetime.now(UTC), DAY) if len(held) < days else _end_of(held)
        for number, day in enumerate(history.midnights(end, days), 1):
            if held.get(day.date()) == history.ROWS_A_DAY:
                continue
            began = time.monotonic()
            driver.command(history.DAY.replace("{database}", store.database), parameters={"day": int(day.timestamp())})
            took_s = time.monotonic() - began
            say(f"day {number} of {days}: {history.ROWS_A_DAY:,} rows in {took_s:.1f} s")
    return end


def roll_up(store: Store, end: datetime, say: Say) -> float:
    """Every rollup of the history made anew, as the collector makes them; the seconds that took."""
    with opened(store) as driver:
        for table in _ROLLUPS:
            driver.command(f"TRUNCATE TABLE {store.database}.{table}")

    async def run() -> int:
        house = await ClickHouse.connect(store, clock=SystemClock())
        try:
            return await house.rollups.advance(end, end)
        finally:
            await house.close()

    began = time.monotonic()
    hours = asyncio.run(run())
    took_s = time.monotonic() - began
    say(f"rolled up {hours} hours in {took_s:.1f} s")
    return took_s


def measure(store: Store, end: datetime, days: int, *, rounds: int, raw_rounds: int, say: Say) -> Reads:
    """Ask everything *rounds* times, and the raw queries in the first *raw_rounds* of them."""
    found = Reads(end)
    with opened(store) as driver, Reader.open(store) as reader:
        found.tables = {
            table: (rows, size) for table, rows, size in rows_of(driver, store, _BYTES, name=store.database)
        }
        found.rows = found.tables["observations"][0]
        asked = [*questions(end, days), *pages(end, days)]
        for number in range(rounds + 1):  # the first is to warm up
            for question in asked:
                ours_s, raw_s = _ask(driver, reader, store, question, raw=number <= raw_rounds)
                if number:
                    found.ours.setdefault(question.figure, []).append(ours_s)
                if number and raw_s is not None:
                    found.raw.setdefault(question.figure, []).append(raw_s)
            say(f"round {number} of {rounds}")
        found.error = quantile_error(driver, reader, store, asked[0])
    return found


def _ask(driver: object, reader: Reader, store: Store, question: Question, *, raw: bool) -> tuple[float, float | None]:
    began = time.monotonic()
    question.ours(reader)
    between = time.monotonic()
    if question.raw is None or not raw:
        return between - began, None
    rows_of(driver, store, question.raw, **question.parameters())
    return between - began, time.monotonic() - between


def quantile_error(driver: object, reader: Reader, store: Store, question: Question) -> float:
    """The largest relative error of p50, p95 and p99 over every provider, rollups against exact."""
    exact = {row[0]: row[6] for row in rows_of(driver, store, RAW_CARDS, **question.parameters())}
    errors = [
        abs(ours - true) / true
        for line in reader.compare(question.start, question.end)
        for ours, true in zip((line.p50_ms, line.p95_ms, line.p99_ms), exact[line.provider], strict=True)
        if ours is not None
    ]
    return max(errors)


def figures(reads: Reads) -> dict[str, Figure]:
    """The figures of the issue: p95 of ours over its rounds beside the p95 of the same from raw, in ms."""
    named = {name: _p95(reads.ours[name], reads.raw[name]) for name in reads.ours if name in reads.raw}
    pages_s = {name: seconds for name, seconds in reads.ours.items() if name not in reads.raw}
    worst = max(pages_s, key=lambda name: percentile(pages_s[name], 0.95))
    named["page_query_worst_p95_ms"] = _p95(pages_s[worst], [])
    named["quantile_error"] = Figure(reads.error, "relative, largest of 54", n=1)
    return named


def _p95(ours: Sequence[float], raw: Sequence[float]) -> Figure:
    milliseconds = [second * 1000 for second in ours]
    whole = spread(milliseconds)
    assert whole is not None
    return Figure(
        ours=percentile(milliseconds, 0.95),
        unit="ms",
        peer=percentile([second * 1000 for second in raw], 0.95) if raw else None,
        peer_name="raw, exact" if raw else None,
        n=len(ours),
        low=whole.low,
        high=whole.high,
    )


def _end_of(held: dict[object, int]) -> datetime:
    last = max(held)  # type: ignore[type-var]
    return datetime.combine(last, datetime.min.time(), UTC) + DAY  # type: ignore[arg-type]
