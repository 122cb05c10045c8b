"""What the collector writes to ClickHouse, and the facts it judges by; the dashboard's reads are in queries.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from collector.judgement.charged_incidents import IncidentRecord
from collector.judgement.facts import ProviderFacts
from collector.judgement.integrity.suspicion import Reply, Suspicion
from collector.judgement.integrity.token_facts import TokenSums
from collector.judgement.sla.conduct import LOOKED_BACK, Conduct
from collector.judgement.sla.statement import Statement
from collector.storage import (
    evidence_records,
    fact_queries,
    history_loads,
    incident_queries,
    incident_records,
    records,
    sample_queries,
    sample_rows,
    statement_records,
    verdict_queries,
)
from collector.storage.burn_queries import BurnRates
from collector.storage.client import Client, of_ms, to_ms
from collector.storage.cluster import processes
from collector.storage.history_loads import HistoryProgress
from collector.storage.otel_traces import OtelTraces
from collector.storage.packed_rows import PackedRows, pack
from collector.storage.rollups import Rollups
from collector.storage.rows import COLUMNS, TABLE, Key, StoredRow
from collector.storage.sample_queries import (
    SAMPLES_READ_MAX,
    SampleWindow,
    SpeedWindow,
    samples_of,
    speeds_of,
    sums_of,
    window_of,
)
from schemas.clock import Clock
from schemas.config import Configuration, Store, TierPolicy
from schemas.errors import StoreUnavailable
from schemas.flat_observation import AnyObservation
from schemas.verdict import Verdict

if TYPE_CHECKING:
    from collector.judgement.integrity.subject import Examinee

LOG_COMMENT = "touchstone-observations"
SETTLE_S = 60.0
SETTLE_POLL_S = 0.1


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

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self.rollups = Rollups(client)
        self.otel_traces = OtelTraces(client, self.rollups) if client.store.otel_traces else None

    @classmethod
    async def connect(cls, store: Store, *, clock: Clock) -> ClickHouse:
        """Open *store*."""
        return cls(await Client.connect(store, clock), clock)

    @classmethod
    @asynccontextmanager
    async def opened(cls, store: Store, *, clock: Clock) -> AsyncIterator[ClickHouse]:
        """*store*, open within the block."""
        house = await cls.connect(store, clock=clock)
        try:
            yield house
        finally:
            await house.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def ping(self) -> bool:
        """Whether the store answers."""
        return await self._client.ping()

    async def insert_arrow(self, table: str, arrow_table: Any) -> None:
        """Bulk insert of a pyarrow.Table whose columns are the table's; at most one UTC day each."""
        await self._client.insert_arrow(table, arrow_table)

    async def insert_observations(self, rows: Sequence[StoredRow]) -> None:
        """
        Insert *rows*, one atomic part per UTC day of tick, and before them their samples.

        So an observation that is stored has its samples stored, wherever we die between the two; samples that come
        again collapse onto the first.
        """
        await self.insert_packed(await asyncio.to_thread(pack, rows))

    async def insert_packed(self, packed: PackedRows) -> None:
        """As `insert_observations`, of rows that were packed before."""
        if samples := list(sample_rows.sample_rows(packed.sampled)):
            await self._client.insert(
                sample_rows.TABLE, sample_rows.COLUMNS, sample_rows.COLUMN_TYPES, samples, log_comment=LOG_COMMENT
            )
        for day in packed.days:
            await self._client.insert_block(TABLE, COLUMNS, day.block, log_comment=LOG_COMMENT)

    async def settled(self) -> None:
        """Return once no insert of observations is running in the store, whoever began it; bounded by SETTLE_S."""
        for _ in range(int(SETTLE_S / SETTLE_POLL_S)):
            rows = await self._client.rows(
                f"SELECT count() FROM {processes(self._client.store)} "
                "WHERE Settings['log_comment'] = {comment:String}",
                comment=LOG_COMMENT,
            )
            if not rows[0][0]:
                return
            await self._clock.sleep(SETTLE_POLL_S)
        raise StoreUnavailable(f"{self._client.store.url}: an insert has been running for {SETTLE_S:g} s")

    async def stored_keys(self, observations: Sequence[AnyObservation]) -> frozenset[Key]:
        """Which natural keys of *observations* the store has already."""
        if not observations:
            return frozenset()
        ticks = [observation.tick for observation in observations]
        rows = await self._client.rows(
            """SELECT target, vantage, kind, toUnixTimestamp64Milli(tick), attempt, span FROM {database}.observations
               WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick <= fromUnixTimestamp64Milli({b:Int64})
                 AND provider IN {providers:Array(String)} AND target IN {targets:Array(String)}""",
            a=to_ms(min(ticks)),
            b=to_ms(max(ticks)),
            providers=sorted({observation.provider for observation in observations}),
            targets=sorted({observation.target for observation in observations}),
        )
        return frozenset(
            (target, vantage, kind, of_ms(tick), attempt, span) for target, vantage, kind, tick, attempt, span in rows
        )

    async def facts(self, at: datetime, policy: TierPolicy) -> dict[str, ProviderFacts]:
        """The facts of every provider with any, over [at - window, at), as they were known at *at*."""
        window = {"a": to_ms(at - timedelta(seconds=policy.window)), "at": to_ms(at)}
        blocks = await self._client.rows(fact_queries.BLOCKS, **window, block=int(policy.block))
        reasons = await self._client.rows(fact_queries.REASONS, **window)
        latency = await self._client.rows(fact_queries.LATENCY, **window)
        return fact_queries.facts_of(blocks, reasons, latency)

    async def samples(
        self,
        series: Sequence[str],
        start: datetime,
        end: datetime,
        at: datetime,
        *,
        provider: str = "",
        target: str = "",
        limit: int = SAMPLES_READ_MAX,
    ) -> SampleWindow:
        """The newest *limit* samples of *series* with ticks in [start, end), of those that were known at *at*."""
        window = window_of(start, end, at, provider=provider, target=target)
        limit = min(limit, SAMPLES_READ_MAX)
        rows = await self._client.rows(sample_queries.SAMPLES, **window, series=list(series), limit=limit)
        return samples_of(rows, limit)

    async def token_sums(
        self, start: datetime, end: datetime, at: datetime, *, provider: str = "", target: str = ""
    ) -> tuple[TokenSums, ...]:
        """Tokens counted and billed over [start, end), by target, UTC day, vantage, kind and side; as known at *at*."""
        window = window_of(start, end, at, provider=provider, target=target)
        return sums_of(await self._client.rows(sample_queries.TOKEN_SUMS, **window))

    async def decode_speeds(
        self, start: datetime, end: datetime, at: datetime, *, provider: str = "", target: str = ""
    ) -> SpeedWindow:
        """How fast answers of [start, end) were decoded, some hundreds of each day; as known at *at*."""
        window = window_of(start, end, at, provider=provider, target=target)
        return speeds_of(await self._client.rows(sample_queries.DECODE_SPEEDS, **window))

    async def subjects(self, configuration: Configuration, at: datetime) -> tuple[Examinee, ...]:
        """Every target and every provider of the fleet with what integrity checks look at, as it was known at *at*."""
        from collector.storage import (
            integrity_facts,
        )  # the checks, half a second of them: nothing that a page waits for

        return await integrity_facts.subjects_at(self, self._client.rows, configuration, at)

    async def suspicions(self, at: datetime) -> dict[str, Suspicion]:
        """The last suspicion of each provider that was known before *at*."""
        return await evidence_records.latest_suspicions(self._client, at)

    async def insert_suspicions(self, suspicions: Sequence[Suspicion], at: datetime, known_at: datetime) -> None:
        """Store what was found at *at*, with its evidence; verdicts after *known_at* go by it."""
        await evidence_records.insert_suspicions(self._client, suspicions, at, known_at)

    async def insert_statements(self, statements: Sequence[Statement], at: datetime) -> None:
        """Store billing months as they were counted at *at*."""
        await statement_records.insert_statements(self._client, statements, at)

    async def claimed(self) -> frozenset[str]:
        """The keys of all credits of which it is on record that they were claimed."""
        rows = await self._client.rows(incident_queries.CLAIMS, at=to_ms(self._clock.now()) + 1, provider="")
        return frozenset(incident_queries.claim_line_of(row).key for row in rows)

    async def replies(self, at: datetime) -> dict[str, Reply]:
        """What each provider had replied by then."""
        return await evidence_records.replies(self._client, at)

    async def insert_reply(self, provider: str, at: datetime, *, accepted: bool | None, by: str, said: str) -> None:
        """Store that *provider* replied, or that its reply was weighed."""
        await evidence_records.insert_reply(self._client, provider, at, accepted=accepted, by=by, said=said)

    def burn_rates(self, configuration: Configuration) -> BurnRates:
        """The burn of every objective of *configuration*; keep it, it remembers the windows of tickets."""
        return BurnRates(self._client.rows, configuration)

    async def conduct(self, at: datetime) -> dict[str, Conduct]:
        """How each provider kept its contract, as it was known at *at*; nothing of one without a month that is over."""
        window = {"at": to_ms(at), "since": to_ms(at - LOOKED_BACK)}
        return statement_records.conduct_of(await self._client.rows(statement_records.CONDUCT, **window))

    async def incident_records(self, at: datetime, policy: TierPolicy) -> dict[str, IncidentRecord]:
        """The incidents that each provider is charged with, as known at *at*; of those judged before."""
        return await incident_records.records_at(self._client, at, policy)

    async def previous_verdicts(self, at: datetime) -> dict[str, Verdict]:
        """The last stored verdict on each provider before *at*."""
        before = to_ms(at) - 1
        bodies = await self._client.rows(verdict_queries.LATEST, at=before, provider="")
        return {one.provider: one for one in (verdict_queries.verdict_of(body) for (body,) in bodies)}

    async def verdict_bodies(self, at: datetime) -> dict[str, str]:
        """The stored bytes of the verdicts given at exactly *at*."""
        rows = await self._client.rows(
            "SELECT provider, body FROM {database}.verdicts FINAL WHERE at = fromUnixTimestamp64Milli({at:Int64})",
            at=to_ms(at),
        )
        return {str(provider): str(body) for provider, body in rows}

    async def last_verdict_at(self) -> datetime | None:
        """When the last verdicts were given; None when there are none."""
        rows = await self._client.rows("SELECT count(), toUnixTimestamp64Milli(max(at)) FROM {database}.verdicts")
        return of_ms(rows[0][1]) if rows[0][0] else None

    async def insert_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Store verdicts as they were given."""
        names = ("at", "provider", "tier", "previous", "reasons", "policy", "rule_version", "changed", "body")
        types = (
            "DateTime64(3, 'UTC')", "LowCardinality(String)", "LowCardinality(String)", "LowCardinality(String)",
            "Array(LowCardinality(String))", "LowCardinality(String)", "UInt16", "Array(LowCardinality(String))",
            "String",
        )  # fmt: skip
        rows = [
            [v.at, v.provider, v.tier.value, v.previous.value if v.previous else "", list(v.reasons), v.policy,
             v.rule_version, list(v.changed), v.canonical_json()]
            for v in verdicts
        ]  # fmt: skip
        await self._client.insert("verdicts", names, types, rows)

    async def note_configuration(self, configuration: Configuration, version: str, at: datetime) -> bool:
        """Keep *configuration*, its secrets masked, as what holds from *at* on; False when it held already."""
        return await records.note_configuration(self._client, configuration, version, at)

    async def insert_copies(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Copy rows of the transactional store for reading; a repeated copy collapses onto itself."""
        for names, several in groupby(rows, key=tuple):  # an older version wrote other columns
            await self._client.insert(table, names, None, [[row[name] for name in names] for row in several])

    async def count_batch(self, batch_id: int, day: datetime) -> int:
        """How many rows of a batch are stored in the UTC day that begins at *day*."""
        rows = await self._client.rows(
            """SELECT count() FROM {database}.observations WHERE batch_id = {batch:UInt64}
               AND tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})""",
            batch=batch_id,
            a=to_ms(day),
            b=to_ms(day + timedelta(days=1)),
        )
        return int(rows[0][0])

    async def completeness(self, since: datetime) -> tuple[Completeness, ...]:
        """What is stored of each target's own ticks from *since* on, bulk loads left out."""
        rows = await self._client.rows(
            """SELECT target, module, uniqExact(tick), toUnixTimestamp64Milli(min(tick)), sum(n), sum(n - 1)
               FROM (SELECT target, module, vantage, kind, tick, attempt, count() AS n FROM {database}.observations
                     WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND agent_version != 'simulated'
                       AND source = 'active'
                     GROUP BY target, module, vantage, kind, tick, attempt)
               GROUP BY target, module ORDER BY target, module""",
            a=to_ms(since),
        )
        return tuple(Completeness(t, module, ticks, of_ms(first), n, more) for t, module, ticks, first, n, more in rows)

    async def outcomes(self, since: datetime) -> dict[str, int]:
        """How many ticks from *since* on had each outcome, bulk loads left out."""
        rows = await self._client.rows(
            """SELECT outcome, count() FROM {database}.observations WHERE tick >= fromUnixTimestamp64Milli({a:Int64})
               AND agent_version != 'simulated' AND attempt = 0 AND source = 'active' GROUP BY outcome""",
            a=to_ms(since),
        )
        return {str(outcome): int(n) for outcome, n in rows}

    async def traffic(self, since: datetime) -> int:
        """How many rows of real traffic there are from *since* on, bulk loads left out."""
        rows = await self._client.rows(
            """SELECT count() FROM {database}.observations WHERE tick >= fromUnixTimestamp64Milli({a:Int64})
               AND agent_version != 'simulated' AND source = 'passive'""",
            a=to_ms(since),
        )
        return int(rows[0][0])

    async def note_history(self, id: str, *, rows_done: int, rows_total: int, finished: bool, at: datetime) -> None:
        """Say how far a bulk load is; the judge waits while one is unfinished."""
        row = [id, rows_total, rows_done, finished, at]
        await self._client.insert("history_loads", ("id", "rows_total", "rows_done", "finished", "at"), None, [row])

    async def history_progress(self) -> HistoryProgress | None:
        """The latest bulk load; None when there never was one."""
        rows = await self._client.rows(history_loads.LATEST)
        return HistoryProgress(*rows[0]) if rows else None
