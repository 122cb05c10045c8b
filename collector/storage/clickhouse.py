"""What the collector writes to ClickHouse, and the facts it judges by; the dashboard's reads are in queries.py."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from collector.judgement.facts import Answers, Block, ProviderFacts, TokenArithmetic
from collector.storage import fact_queries, history_loads, rollups
from collector.storage.cluster import processes, reading, writing
from collector.storage.connection import arguments, named_errors
from collector.storage.history_loads import HistoryProgress
from collector.storage.rows import COLUMN_TYPES, COLUMNS, TABLE, Key, StoredRow, key_of, to_row
from schemas.clock import Clock
from schemas.config import Store, TierPolicy
from schemas.errors import StoreUnavailable
from schemas.observation import Observation
from schemas.verdict import Tier, Verdict

LOG_COMMENT = "touchstone-observations"
SETTLE_S = 60.0
SETTLE_POLL_S = 0.1
ROLLUP_OVERLAP_MS = 120_000  # an insert may have been under way when the last rollup was made

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Completeness:
    """What is stored of one target and module: different ticks, the first of them, all rows, rows stored again."""

    target: str
    module: str
    ticks: int
    first: datetime
    rows: int
    double: int


class ClickHouse:
    """An open store. Every method raises StoreUnavailable or StoreRejected, nothing else of the driver's."""

    def __init__(self, store: Store, client: Any, epoch: str, clock: Clock) -> None:
        self._store, self._client, self._epoch, self._clock = store, client, epoch, clock
        self._inserts = 0

    @classmethod
    async def connect(cls, store: Store, *, clock: Clock) -> ClickHouse:
        """Open *store*; its insert tokens are this process's own, so that none outlives it."""
        import clickhouse_connect

        with named_errors(store):
            client = await clickhouse_connect.get_async_client(**arguments(store))
        epoch = f"{os.getpid()}/{clock.now().isoformat()}"
        return cls(store, client, epoch, clock)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def ping(self) -> bool:
        """Whether the store answers."""
        with named_errors(self._store):
            return bool(await self._client.ping())

    async def insert_observations(self, rows: Sequence[StoredRow]) -> None:
        """
        Insert *rows*, one atomic part per UTC day of tick.

        Each call has a token of its own, so the driver's hidden replay of an insert does not double it; a call
        after a failure is a new one, because a token may outlive rows that a crash lost.
        """
        for _, day in groupby(sorted(rows, key=lambda r: r.observation.tick), key=lambda r: r.observation.tick.date()):
            await self._insert(TABLE, COLUMNS, COLUMN_TYPES, [to_row(row) for row in day], log_comment=LOG_COMMENT)

    async def settled(self) -> None:
        """Return once no insert of observations is running in the store, whoever began it; bounded by SETTLE_S."""
        for _ in range(int(SETTLE_S / SETTLE_POLL_S)):
            rows = await self._rows(
                f"SELECT count() FROM {processes(self._store)} WHERE Settings['log_comment'] = {{comment:String}}",
                comment=LOG_COMMENT,
            )
            if not rows[0][0]:
                return
            await self._clock.sleep(SETTLE_POLL_S)
        raise StoreUnavailable(f"{self._store.url}: an insert has been running for {SETTLE_S:g} s")

    async def stored_keys(self, observations: Sequence[Observation]) -> frozenset[Key]:
        """Which natural keys of *observations* the store has already."""
        if not observations:
            return frozenset()
        ticks = [key_of(observation)[3] for observation in observations]
        rows = await self._rows(
            """SELECT target, vantage, kind, toUnixTimestamp64Milli(tick), attempt, span FROM {database}.observations
               WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick <= fromUnixTimestamp64Milli({b:Int64})
                 AND provider IN {providers:Array(String)} AND target IN {targets:Array(String)}""",
            a=_ms(min(ticks)),
            b=_ms(max(ticks)),
            providers=sorted({observation.provider for observation in observations}),
            targets=sorted({observation.target for observation in observations}),
        )
        return frozenset(
            (target, vantage, kind, _stamp(tick), attempt, span) for target, vantage, kind, tick, attempt, span in rows
        )

    async def facts(self, at: datetime, policy: TierPolicy) -> dict[str, ProviderFacts]:
        """The facts of every provider with any, over [at - window, at), as they were known at *at*."""
        window = {"a": _ms(at - timedelta(seconds=policy.window)), "at": _ms(at)}
        blocks: dict[str, list[Block]] = defaultdict(list)
        spans: dict[str, tuple[int, int]] = {}
        for provider, cluster, start, *counts, first, last in await self._rows(
            fact_queries.BLOCKS, **window, block=int(policy.block)
        ):
            blocks[provider].append(Block(cluster, datetime.fromtimestamp(start, UTC), *counts))
            low, high = spans.get(provider, (first, last))
            spans[provider] = (min(low, first), max(high, last))
        reasons = _nested(await self._rows(fact_queries.REASONS, **window))
        latency: dict[str, dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
        for provider, connection, bucket, n in await self._rows(fact_queries.LATENCY, **window):
            latency[provider][connection][bucket] = n
        sums = {row[0]: TokenArithmetic(*row[1:]) for row in await self._rows(fact_queries.ARITHMETIC, **window)}
        answers = {row[0]: Answers(*row[1:]) for row in await self._rows(fact_queries.ANSWERS, **window)}
        return {
            provider: ProviderFacts(
                provider=provider,
                blocks=tuple(blocks[provider]),
                reasons=reasons.get(provider, {}),
                ttft_hists=latency.get(provider, {}),
                arithmetic=sums.get(provider),
                answers=answers.get(provider),
                first_tick=_stamp(spans[provider][0]),
                last_tick=_stamp(spans[provider][1]),
            )
            for provider in sorted(blocks)
        }

    async def previous_tiers(self, at: datetime) -> dict[str, Tier]:
        """The last stored tier of each provider before *at*."""
        rows = await self._rows(fact_queries.PREVIOUS, at=_ms(at))
        return {provider: Tier(tier) for provider, tier in rows}

    async def verdict_bodies(self, at: datetime) -> dict[str, str]:
        """The stored bytes of the verdicts given at exactly *at*."""
        rows = await self._rows(
            "SELECT provider, body FROM {database}.verdicts FINAL WHERE at = fromUnixTimestamp64Milli({at:Int64})",
            at=_ms(at),
        )
        return {str(provider): str(body) for provider, body in rows}

    async def last_verdict_at(self) -> datetime | None:
        """When the last verdicts were given; None when there are none."""
        rows = await self._rows("SELECT count(), toUnixTimestamp64Milli(max(at)) FROM {database}.verdicts")
        return _stamp(rows[0][1]) if rows[0][0] else None

    async def insert_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Store verdicts as they were given."""
        names = ("at", "provider", "tier", "previous", "reasons", "policy", "rule_version", "body")
        types = (
            "DateTime64(3, 'UTC')", "LowCardinality(String)", "LowCardinality(String)", "LowCardinality(String)",
            "Array(LowCardinality(String))", "LowCardinality(String)", "UInt16", "String",
        )  # fmt: skip
        rows = [
            [v.at, v.provider, v.tier.value, v.previous.value if v.previous else "", list(v.reasons), v.policy,
             v.rule_version, v.canonical_json()]
            for v in verdicts
        ]  # fmt: skip
        await self._insert("verdicts", names, types, rows)

    async def insert_copies(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Copy rows of the transactional store for reading; a repeated copy collapses onto itself."""
        if rows:
            names = tuple(rows[0])
            await self._insert(table, names, None, [[row[name] for name in names] for row in rows])

    async def insert_arrow(self, table: str, arrow_table: Any) -> None:
        """Bulk insert of a pyarrow.Table whose columns are the table's; at most one UTC day each."""
        with named_errors(self._store):
            await self._client.insert_arrow(
                table, arrow_table, database=self._store.database, settings=self._settings() | {"max_threads": 1}
            )

    async def count_batch(self, batch_id: int, day: datetime) -> int:
        """How many rows of a batch are stored in the UTC day that begins at *day*."""
        rows = await self._rows(
            """SELECT count() FROM {database}.observations WHERE batch_id = {batch:UInt64}
               AND tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})""",
            batch=batch_id,
            a=_ms(day),
            b=_ms(day + timedelta(days=1)),
        )
        return int(rows[0][0])

    async def completeness(self, since: datetime) -> tuple[Completeness, ...]:
        """What is stored of each target's own ticks from *since* on, bulk loads left out."""
        rows = await self._rows(
            """SELECT target, module, uniqExact(tick), toUnixTimestamp64Milli(min(tick)), sum(n), sum(n - 1)
               FROM (SELECT target, module, vantage, kind, tick, attempt, count() AS n FROM {database}.observations
                     WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND agent_version != 'simulated'
                       AND source = 'active'
                     GROUP BY target, module, vantage, kind, tick, attempt)
               GROUP BY target, module ORDER BY target, module""",
            a=_ms(since),
        )
        return tuple(
            Completeness(t, module, ticks, _stamp(first), n, more) for t, module, ticks, first, n, more in rows
        )

    async def outcomes(self, since: datetime) -> dict[str, int]:
        """How many ticks from *since* on had each outcome, bulk loads left out."""
        rows = await self._rows(
            """SELECT outcome, count() FROM {database}.observations WHERE tick >= fromUnixTimestamp64Milli({a:Int64})
               AND agent_version != 'simulated' AND attempt = 0 AND source = 'active' GROUP BY outcome""",
            a=_ms(since),
        )
        return {str(outcome): int(n) for outcome, n in rows}

    async def note_history(self, id: str, *, rows_done: int, rows_total: int, finished: bool, at: datetime) -> None:
        """Say how far a bulk load is; the judge waits while one is unfinished."""
        row = [id, rows_total, rows_done, finished, at]
        await self._insert("history_loads", ("id", "rows_total", "rows_done", "finished", "at"), None, [row])

    async def history_progress(self) -> HistoryProgress | None:
        """The latest bulk load; None when there never was one."""
        rows = await self._rows(history_loads.LATEST)
        return HistoryProgress(*rows[0]) if rows else None

    async def recompute_rollups(self, start: datetime, end: datetime) -> None:
        """Recompute the hours in [start, end) from facts; running it twice changes nothing."""
        for low, high in rollups.slices(start, end):
            await self._command(rollups.HOURS, a=_ms(low), b=_ms(high))

    async def roll_up(self, now: datetime) -> int:
        """Recompute every closed hour that has changed since the last time, late batches included; how many."""
        last, n = (await self._rows(rollups.LAST))[0]
        rows = await self._rows(rollups.DIRTY, now=_ms(now), since=last - ROLLUP_OVERLAP_MS if n else 0)
        hours = [datetime.fromtimestamp(hour, UTC) for (hour,) in rows]
        for start, end in rollups.runs(hours):
            await self.recompute_rollups(start, end)
        return len(hours)

    async def _insert(
        self,
        table: str,
        names: Sequence[str],
        types: Sequence[str] | None,
        rows: Sequence[Sequence[Any]],
        **settings: Any,
    ) -> None:
        with named_errors(self._store):
            await self._client.insert(
                table,
                rows,
                column_names=list(names),
                column_type_names=list(types) if types else None,
                database=self._store.database,
                settings=self._settings() | settings,
            )

    def _settings(self) -> dict[str, Any]:
        self._inserts += 1
        token = f"{self._epoch}/{self._inserts}"
        return {"async_insert": 0, "insert_deduplication_token": token, **writing(self._store)}

    async def _rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        with named_errors(self._store):
            answer = await self._client.query(
                sql.replace("{database}", self._store.database), parameters=parameters, settings=reading(self._store)
            )
            rows: Sequence[Sequence[Any]] = answer.result_rows
            return rows

    async def _command(self, sql: str, **parameters: Any) -> None:
        with named_errors(self._store):
            await self._client.command(
                sql.replace("{database}", self._store.database),
                parameters=parameters,
                settings=reading(self._store) | writing(self._store),
            )


def _ms(stamp: datetime) -> int:
    return (stamp - _EPOCH) // timedelta(milliseconds=1)


def _stamp(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _nested(rows: Iterable[Sequence[Any]]) -> dict[str, dict[Any, int]]:
    nested: dict[str, dict[Any, int]] = defaultdict(dict)
    for provider, key, count in rows:
        nested[provider][key] = count
    return nested
