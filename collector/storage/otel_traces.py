"""
Observations that come through the OpenTelemetry Collector: its ClickHouse exporter fills `otel_traces`, a materialised
view turns our spans into `observations` at once, and closed hours are reconciled, since a view can lag after a crash
(rows missing) and that collector delivers at least once (rows doubled). Afterwards each is there exactly once.

The first copy of a row stays, by `ingested_at`, so what was judged before an instant is what is judged again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from collector.exported_spans import ExportedSpan
from collector.storage import sample_rows, span_samples
from collector.storage.client import Client, of_ms, to_ms
from collector.storage.cluster import Cluster, defining, processes
from collector.storage.connection import arguments, named_errors
from collector.storage.migrations import split_statements
from collector.storage.rollups import HOUR, OVERLAP_MS, Rollups, floor, runs
from collector.storage.rows import COLUMNS
from collector.storage.span_columns import EXPRESSIONS, OURS, TICK, VALID
from schemas.config import Store
from schemas.observation import Observation, Outcome, Reason

SHARDED_BY = "cityHash64(TraceId)"  # a batch that comes again goes where it went, and collapses there
DOUBLES_MAX = 2_000  # keys whose doubles are removed at once
MARK = "otel"

_KEY = "target, vantage, kind, tick, attempt, span"
_KEY_HASH = "sipHash128(target, vantage, kind, toUnixTimestamp64Milli(tick), attempt, span)"
_IN = "tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})"
_IN_TRACES = "Tick >= fromUnixTimestamp64Milli({a:Int64}) AND Tick < fromUnixTimestamp64Milli({b:Int64})"
_SELECTED = ",\n       ".join(f"{EXPRESSIONS[name]} AS {name}" for name in COLUMNS)
_MISSING = f"""SELECT {_SELECTED}
FROM {{database}}.{{table}}
WHERE {VALID}
  AND {_IN_TRACES}
  AND {_KEY_HASH} GLOBAL NOT IN (SELECT {_KEY_HASH} FROM {{database}}.observations WHERE {_IN})
LIMIT 1 BY {_KEY}"""
_DOUBLES = f"""SELECT target, vantage, kind, toUnixTimestamp64Milli(tick) AS at, attempt, span,
       arraySort(groupArray(toUnixTimestamp64Milli(ingested_at)))
FROM {{database}}.observations WHERE {_IN}
GROUP BY target, vantage, kind, at, attempt, span HAVING count() > 1 LIMIT {DOUBLES_MAX}"""
_KEYS = "Array(Tuple(String, String, String, Int64, UInt8, String))"
_COPIES = "Array(Tuple(String, String, String, Int64, UInt8, String, Int64))"
# Two copies of one millisecond cannot be told apart: a third, a millisecond older, is the one that stays.
_OLDER_COPY = f"""INSERT INTO {{database}}.observations ({", ".join(COLUMNS)})
SELECT {", ".join(name for name in COLUMNS if name != "ingested_at")}, ingested_at - INTERVAL 1 MILLISECOND
FROM {{database}}.observations
WHERE {_IN} AND (target, vantage, kind, toUnixTimestamp64Milli(tick), attempt, span) IN {{keys:{_KEYS}}}
ORDER BY ingested_at LIMIT 1 BY {_KEY}"""
_REMOVED = f"""DELETE FROM {{database}}.{{local}}
WHERE {_IN} AND (target, vantage, kind, toUnixTimestamp64Milli(tick), attempt, span,
                 toUnixTimestamp64Milli(ingested_at)) IN {{copies:{_COPIES}}}"""
# Closed hours that a row came for, or that have closed, since `since`.
_HOURS = f"""SELECT DISTINCT toUnixTimestamp(toStartOfHour(Tick)) AS hour FROM {{database}}.{{table}}
WHERE (ReceivedAt >= fromUnixTimestamp64Milli({{since:Int64}})
       OR Tick >= fromUnixTimestamp64Milli(greatest({{since:Int64}} - 3600000, 0)))
  AND Tick < toStartOfHour(fromUnixTimestamp64Milli({{now:Int64}}, 'UTC')) AND {OURS} ORDER BY hour"""
_UNREADABLE = f"SELECT count() FROM {{database}}.{{table}} WHERE {_IN_TRACES} AND {OURS} AND NOT ({VALID})"
# Real traffic: a request to a model by a client that is not ours.
_CLIENT_SPANS = f"""SELECT SpanId, toString(SpanKind), SpanAttributes, ResourceAttributes, Events.Name,
       arrayMap(at -> toUnixTimestamp64Nano(at), Events.Timestamp), toUnixTimestamp64Nano(Timestamp), Duration,
       toString(StatusCode)
FROM {{database}}.{{table}}
WHERE ReceivedAt >= fromUnixTimestamp64Milli({{a:Int64}}) AND ReceivedAt < fromUnixTimestamp64Milli({{b:Int64}})
  AND SpanKind IN ('Client', 'SPAN_KIND_CLIENT') AND NOT {OURS}
  AND arrayExists(name -> startsWith(name, 'gen_ai.') OR startsWith(name, 'llm.'), mapKeys(SpanAttributes))"""
# What the incident judge reads of an observation; timings are no evidence of an outage.
_TAKEN_IN = """SELECT target, vantage, kind, module, provider, cluster, toUnixTimestamp64Milli(tick), attempt,
       toUnixTimestamp64Milli(started_at), toUnixTimestamp64Milli(finished_at), outcome, reason, simulated
FROM {database}.observations
WHERE ingested_at >= fromUnixTimestamp64Milli({a:Int64}) AND ingested_at < fromUnixTimestamp64Milli({b:Int64})
  AND source = 'active'
ORDER BY tick, attempt LIMIT 1 BY target, vantage, kind, tick, attempt"""
_HOURS_TAKEN_IN = """SELECT DISTINCT toUnixTimestamp(toStartOfHour(tick)) AS hour FROM {database}.observations
WHERE ingested_at >= fromUnixTimestamp64Milli({a:Int64}) AND ingested_at < fromUnixTimestamp64Milli({b:Int64})
ORDER BY hour"""
_MARK = "SELECT toUnixTimestamp64Milli(max(mark)), count() FROM {database}.rollup_marks WHERE name = {name:String}"
_RUNNING = """SELECT toUnixTimestamp64Milli(now64(3)) - toInt64(ceil(max(elapsed) * 1000)) - 1 FROM {processes}
WHERE query_kind IN ('Insert', 'AsyncInsertFlush')"""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a round found in how many closed hours; *unreadable* rows of ours are in no table but the exporter's."""

    hours: int = 0
    missing: int = 0
    doubled: int = 0
    unreadable: int = 0
    samples: int = 0  # that were missing


def definitions(store: Store) -> list[str]:
    """The statements that make the exporter's table and the views in *store*; each can be run again."""
    assert store.otel_traces is not None, "only where it is switched on"
    table, database = store.otel_traces, store.database
    text = files("schemas").joinpath("sql", "otel", "traces.sql").read_text()
    statements = split_statements(text.replace("${TABLE}", table).replace("${TICK}", TICK), database)
    source, everywhere = f"{database}.{table}", ""
    if store.cluster is not None:
        cluster = Cluster(store.cluster, frozenset({f"{database}.{table}"}), SHARDED_BY)
        statements = [told for statement in statements for told in cluster.rendered(statement)]
        source, everywhere = f"{database}.{table}_local", f" ON CLUSTER {store.cluster}"
    views = {
        "observations": ("observations", f"SELECT {_SELECTED}\nFROM {source}\nWHERE {VALID}\nLIMIT 1 BY {_KEY}"),
        "samples": (sample_rows.TABLE, span_samples.selected(source)),
    }
    for name, (into, select) in views.items():
        view = f"{database}.{table}_{name}{everywhere}"
        statements += [
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view} TO {database}.{into} AS\n{select}",
            f"ALTER TABLE {view} MODIFY QUERY\n{select}",  # of an older version: replaced in one step
        ]
    return statements


def install(store: Store) -> None:
    """Make the exporter's table and the views, or bring these to this version. After migrations."""
    import clickhouse_connect

    with named_errors(store), clickhouse_connect.get_client(**arguments(store)) as client:
        for statement in definitions(store):
            client.command(statement, settings=defining(store))


class OtelTraces:
    """The exporter's table beside `observations`, in one store."""

    def __init__(self, client: Client, rollups: Rollups) -> None:
        assert client.store.otel_traces is not None, "only where it is switched on"
        self._client, self._rollups, self._table = client, rollups, client.store.otel_traces

    async def settled(self) -> datetime:
        """Every row that came before this instant is stored: nothing that began earlier is still being inserted."""
        rows = await self._rows(_RUNNING.replace("{processes}", processes(self._client.store)))
        return of_ms(rows[0][0])

    async def reconcile(self, settled: datetime, now: datetime) -> Reconciled:
        """Every closed hour that rows came for since the last round, exactly once; *settled*: as `settled` said."""
        since = await self.mark(MARK)
        hours = await self._rows(_HOURS, since=to_ms(since) - OVERLAP_MS if since else 0, now=to_ms(now))
        found = Reconciled(hours=len(hours))
        for low, high in runs([datetime.fromtimestamp(hour, UTC) for (hour,) in hours], HOUR):
            for start in _hours(low, high):
                samples = await self.insert_missing_samples(start, start + HOUR)
                missing = await self.insert_missing(start, start + HOUR)
                doubled = await self.remove_doubles(start, start + HOUR)
                unreadable = await self._rows(_UNREADABLE, a=to_ms(start), b=to_ms(start + HOUR))
                found = Reconciled(
                    found.hours,
                    found.missing + missing,
                    found.doubled + doubled,
                    found.unreadable + int(unreadable[0][0]),
                    found.samples + samples,
                )
        await self.set_mark(MARK, min(settled, now))
        return found

    async def insert_missing(self, start: datetime, end: datetime) -> int:
        """Store what the view left out of the ticks [start, end); how many. They count as taken in now."""
        window = {"a": to_ms(start), "b": to_ms(end)}
        missing = await self._rows(f"SELECT count() FROM ({_MISSING})", **window)
        if missing[0][0]:
            insert = f"INSERT INTO {{database}}.observations ({', '.join(COLUMNS)})\n{_MISSING}"
            await self._client.command(self._named(insert), **window)
        return int(missing[0][0])

    async def insert_missing_samples(self, start: datetime, end: datetime) -> int:
        """The same for samples; doubled ones collapse onto the first by themselves."""
        window = {"a": to_ms(start), "b": to_ms(end)}
        missing = await self._rows(f"SELECT count() FROM ({span_samples.MISSING})", **window)
        if missing[0][0]:
            await self._client.command(self._named(span_samples.INSERT_MISSING), **window)
        return int(missing[0][0])

    async def remove_doubles(self, start: datetime, end: datetime) -> int:
        """Leave of each natural key with a tick in [start, end) the row that came first; how many were removed."""
        window, removed = {"a": to_ms(start), "b": to_ms(end)}, 0
        while doubles := await self._rows(_DOUBLES, **window):
            alike = [tuple(key) for *key, times in doubles if times[1] == times[0]]
            if alike:
                await self._client.command(_OLDER_COPY, keys=alike, **window)
            copies = sorted({(*key, at) for *key, times in doubles for at in _later(times)})
            await self._client.command(self._named(_REMOVED), copies=copies, **window)
            removed += sum(len(times) - 1 for *_, times in doubles)
        if removed:  # a removed row is in no rollup's list of changes
            await self._rollups.recompute(start, end)
        return removed

    async def mark(self, name: str) -> datetime | None:
        """How far the work *name* has come; None before its first round."""
        mark, marks = (await self._rows(_MARK, name=name))[0]
        return of_ms(mark) if marks else None

    async def set_mark(self, name: str, at: datetime) -> None:
        """The work *name* has come to *at*."""
        await self._client.insert("rollup_marks", ("name", "mark"), None, [[name, at]])

    async def taken_in(self, since: datetime, until: datetime) -> list[Observation]:
        """What the judge must know of active observations that came in [since, until), in the order of ticks."""
        return [
            Observation(
                target=target, vantage=vantage, kind=kind, module=module, provider=provider, cluster=cluster,
                tick=of_ms(tick), attempt=attempt, started_at=of_ms(started), finished_at=of_ms(finished),
                outcome=Outcome(outcome), reason=Reason(reason) if reason else None, simulated=bool(simulated),
            )
            for target, vantage, kind, module, provider, cluster, tick, attempt, started, finished, outcome, reason,
            simulated in await self._rows(_TAKEN_IN, a=to_ms(since), b=to_ms(until))
        ]  # fmt: skip

    async def sweep(self, since: datetime, until: datetime) -> int:
        """Remove doubles wherever rows came in [since, until), the open hour too; how many."""
        hours = await self._rows(_HOURS_TAKEN_IN, a=to_ms(since), b=to_ms(until))
        starts = [datetime.fromtimestamp(hour, UTC) for (hour,) in hours]
        return sum([await self.remove_doubles(start, start + HOUR) for start in starts])

    async def client_spans(self, since: datetime, until: datetime) -> list[ExportedSpan]:
        """Real traffic that came in [since, until)."""
        return [
            ExportedSpan(id, kind, attributes, resource, tuple(zip(names, at, strict=True)), start_ns, took, status)
            for id, kind, attributes, resource, names, at, start_ns, took, status in await self._rows(
                _CLIENT_SPANS, a=to_ms(since), b=to_ms(until)
            )
        ]

    async def _rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        return await self._client.rows(self._named(sql), **parameters)

    def _named(self, sql: str) -> str:
        cluster = self._client.store.cluster
        local = f"observations_local ON CLUSTER {cluster}" if cluster else "observations"
        return sql.replace("{table}", self._table).replace("{local}", local)


def _later(times: Sequence[int]) -> Sequence[int]:
    """The times of the copies that go: all but the first; all, where an older copy was made of two that are alike."""
    return times if times[1] == times[0] else times[1:]


def _hours(start: datetime, end: datetime) -> list[datetime]:
    return [floor(start, HOUR) + n * HOUR for n in range(round((end - start) / HOUR))]
