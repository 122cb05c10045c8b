"""
What the dashboard, the command line and the exports read; what the collector writes is in clickhouse.py.

Synchronous. Every value travels as a server-side parameter. Times are aware UTC, windows are [start, end).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.judgement.beside import Beside, Side, first_tokens_of, side_lines
from collector.judgement.capacity.facts import CapacityFacts
from collector.judgement.correlation.buckets import Watched, seen_clearly
from collector.judgement.correlation.relations import Relations, closed_window, relations
from collector.judgement.double_standard import DoubleStandard, double_standard
from collector.judgement.facts import Block, ProviderFacts, summed
from collector.judgement.first_token import FirstTokens, by_connection
from collector.judgement.honesty.account import Honesty, honesty
from collector.judgement.sla.account import Share
from collector.judgement.sla.record import Control, Record
from collector.judgement.value.facts import ModelFacts
from collector.storage import (
    capacity_queries,
    card_queries,
    cluster_queries,
    contract_queries,
    correlation_queries,
    day_bars,
    monitor_queries,
    outage_queries,
    rollup_sql,
    sample_queries,
    scorecard_queries,
    series_queries,
    side_queries,
    treatment_queries,
    value_queries,
)
from collector.storage.client import EPOCH, of_ms, to_ms
from collector.storage.cluster_queries import EngineLine, TargetLine
from collector.storage.cover import HOUR_S, Cover, rounded_step_s
from collector.storage.day_bars import DayBar
from collector.storage.last_observed import last_observed
from collector.storage.monitor_queries import MonitorHealth, TableSize
from collector.storage.outage_queries import Outage
from collector.storage.recorded import ROWS_MAX, Recorded
from collector.storage.rollups import MARKS
from collector.storage.sample_queries import (
    SAMPLES_READ_MAX,
    SampleWindow,
    samples_of,
    window_of,
)
from collector.storage.scorecard_queries import ProviderLine, line_of
from collector.storage.series_queries import ErrorPoint, LatencyPoint

POINTS_MAX = 500

_FRESH = """
SELECT now64(3, 'UTC'), max(tick), max(ingested_at),
       countIf(ingested_at >= now64(3, 'UTC') - INTERVAL 60 SECOND AND agent_version != 'simulated'),
       count()
FROM {database}.observations WHERE tick >= now64(3, 'UTC') - INTERVAL 1 DAY AND source = 'active'"""
_NEWEST_EVER = "SELECT max(tick), max(ingested_at), count() FROM {database}.observations WHERE source = 'active'"


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new our probes' facts are. *now* is the store's clock; the others are None when nothing was ever observed."""

    now: datetime
    newest_tick: datetime | None
    newest_ingested_at: datetime | None
    rows_last_minute: int


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of one cluster over a window."""

    cluster: str
    blocks: tuple[Block, ...]
    reasons: dict[str, int]
    first_tokens: tuple[FirstTokens, ...]


@dataclass(frozen=True, slots=True)
class ProviderSummary:
    """The facts of a provider over a window, whole and by cluster, as they were known at its end."""

    facts: ProviderFacts
    clusters: tuple[ClusterFacts, ...]
    simulated: bool


class Reader(Recorded):
    """An open store: its records, and what is counted of its observations."""

    def records(self, share: Share, at: datetime) -> tuple[Record, ...]:
        """What was seen of every unit of a commitment in a month, as known at *at*."""
        return contract_queries.records(self._rows, share, at)

    def failures(self, share: Share, at: datetime) -> Sequence[Sequence[Any]]:
        """The requests that count against the provider: values as contract_queries.FAILURE_COLUMNS says."""
        return contract_queries.failures(self._rows, share, at)

    def controls(self, share: Share, at: datetime, numbers: Sequence[int]) -> dict[int, Control]:
        """How requests to all other providers fared in the slots *numbers*."""
        return contract_queries.controls(self._rows, share, at, numbers)

    def model_facts(self, start: datetime, at: datetime, *, block_s: float) -> tuple[ModelFacts, ...]:
        """Every model at every provider over [start, at), as known at *at*, in blocks of *block_s*."""
        return value_queries.model_facts(self._rows, start, at, int(block_s))

    def relations(self, at: datetime, days: int, models: Mapping[str, Sequence[str]]) -> Relations:
        """How providers stand to each other over the last *days*, as known at *at*; *models*: who serves each."""
        window = closed_window(at, days)
        sights = seen_clearly(
            correlation_queries.sights(self._rows, *window, at),
            correlation_queries.blindness(self._rows, *window, at),
            window[0],
        )
        return relations(
            window,
            at,
            Watched(sights),
            correlation_queries.sightings(self._rows, *window, at),
            models,
            correlation_queries.loads(self._rows, *window, at) if models else {},
        )

    def honesty(self, provider: str, begins: datetime, at: datetime) -> Honesty:
        """What the status page of *provider* said since *begins*, beside what we saw, as known at *at*."""
        return honesty(
            provider,
            begins,
            at,
            correlation_queries.outages(self._rows, provider, begins, at),
            correlation_queries.posts(self._rows, provider, begins, at, at),
            correlation_queries.reads(self._rows, provider, begins, at, at),
        )

    def capacity(self, start: datetime, at: datetime) -> CapacityFacts:
        """What engines told of themselves over [start, at), and what was refused, as known at *at*."""
        return capacity_queries.facts(self._rows, start, at)

    def daily_bars(self, days: int = 90) -> tuple[DayBar, ...]:
        """Counts by cluster and UTC day over the last *days*, today included; days without rows are left out."""
        now = self.now()
        start = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=days - 1)
        end = start + timedelta(days=days)
        return day_bars.day_bars(self._rows, start, end)

    def compare(self, start: datetime, end: datetime) -> tuple[ProviderLine, ...]:
        """Every provider over [start, end) side by side; cheap for days when *start* is a midnight."""
        rows = self._rows(scorecard_queries.SCORECARDS, **self._cover(start, end).by_day(start, end))
        return tuple(line_of(row) for row in rows)

    def outages(
        self, start: datetime, end: datetime, *, provider: str = "", limit: int = ROWS_MAX
    ) -> tuple[Outage, ...]:
        """When at least half of what was asked of a target failed, newest first; of one provider, or of all."""
        rows = self._rows(
            outage_queries.OUTAGES,
            provider=provider,
            a=to_ms(start),
            b=to_ms(end),
            gap=outage_queries.GAP_S,
            failures=outage_queries.FAILURES_MIN,
            limit=min(limit, ROWS_MAX),
        )
        return tuple(Outage(*row) for row in rows)

    def latency_series(
        self, provider: str, start: datetime, end: datetime, *, points: int = POINTS_MAX, cluster: str = ""
    ) -> tuple[LatencyPoint, ...]:
        """The time to first token over [start, end) in at most *points* buckets for each connection."""
        sqls = series_queries.LATENCY, series_queries.LATENCY_BY_HOUR
        rows = self._series(*sqls, provider, start, end, points, cluster)
        return tuple(LatencyPoint(_stamp(start), *values) for start, *values in rows)

    def error_series(
        self, provider: str, start: datetime, end: datetime, *, points: int = POINTS_MAX, cluster: str = ""
    ) -> tuple[ErrorPoint, ...]:
        """How often each reason came over [start, end), in at most *points* buckets."""
        sqls = series_queries.ERRORS, series_queries.ERRORS_BY_HOUR
        rows = self._series(*sqls, provider, start, end, points, cluster)
        return tuple(ErrorPoint(_stamp(start), reason, n) for start, reason, n in rows)

    def freshness(self) -> Freshness:
        """How new the newest observation is."""
        now, tick, ingested_at, last_minute, n = self._rows(_FRESH)[0]
        if n == 0:
            (tick, ingested_at, n), last_minute = self._rows(_NEWEST_EVER)[0], 0
        return Freshness(now, tick, ingested_at, last_minute) if n else Freshness(now, None, None, 0)

    def recent_observations(self, provider: str, limit: int = 50, *, cluster: str = "") -> list[dict[str, Any]]:
        """The last of our own observations of *provider*, or of one cluster, re-probes included, newest first."""
        day, which = timedelta(days=1), {"provider": provider, "cluster": cluster}
        for since in (self.now() - day, EPOCH):  # the newest is nearly always of today
            newest, n = self._rows(series_queries.NEWEST, **which, a=to_ms(since))[0]
            if n:
                limit = min(limit, ROWS_MAX)
                return self._dicts(series_queries.RECENT, **which, a=to_ms(newest - day), limit=limit)
        return []

    def cluster_blocks(
        self, provider: str, cluster: str, start: datetime, end: datetime, *, block_s: float
    ) -> tuple[Block, ...]:
        """Counts of one cluster over [start, end) by blocks of time, as known at *end*."""
        cover = Cover.read(self._rows, start, end, at=end)
        return card_queries.blocks(self._rows, cover, provider, start, end, block_s=block_s, cluster=cluster)

    def cluster_targets(self, provider: str, cluster: str, start: datetime, end: datetime) -> tuple[TargetLine, ...]:
        """What was asked of a cluster over [start, end), and how it fared."""
        cover = Cover.read(self._rows, start, end, marks=(rollup_sql.COMPARISON,))
        window = {"provider": provider, "cluster": cluster} | cover.within(start, end)
        return tuple(map(cluster_queries.target_of, self._rows(cluster_queries.TARGETS, **window)))

    def engine_figures(self, provider: str, cluster: str, start: datetime, end: datetime) -> tuple[EngineLine, ...]:
        """What the engines of a cluster told of themselves in the closed hours of [start, end)."""
        window = {"provider": provider, "cluster": cluster, "a": to_ms(start), "b": to_ms(end)}
        rows = self._rows(cluster_queries.ENGINE, **window, limit=cluster_queries.ENGINE_ROWS_MAX)
        return tuple(map(cluster_queries.engine_of, rows))

    def monitor_health(self) -> MonitorHealth:
        """How the monitor itself is: what its vantages send, what was worked out from it, what the store holds."""
        now = self.now()
        at = {"now": to_ms(now)}
        mark_ms, marks = self._rows(rollup_sql.MARK, names=list(MARKS))[0]
        examined_at, examinations = self._rows(monitor_queries.EXAMINED)[0]
        return MonitorHealth(
            now=now,
            vantages=monitor_queries.vantages_of(
                self._rows(monitor_queries.VANTAGES, **at),
                self._rows(monitor_queries.LAST_HOUR, **at),
                self._rows(monitor_queries.UNSEEN, **at),
            ),
            rolled_up_to=of_ms(mark_ms) if marks == len(MARKS) else None,
            judged_at=max((verdict.at for verdict in self.latest_verdicts()), default=None),
            examined_at=examined_at if examinations else None,
            engine=self.engine_version(),
            schema=max(self.migrations(), default=0),
            tables=tuple(
                TableSize(*row) for row in self._rows(monitor_queries.STORED, database_name=self._store.database)
            ),
        )

    def provider_summary(
        self,
        provider: str,
        start: datetime,
        end: datetime,
        *,
        block_s: float = 21_600.0,
        sides: Sequence[Side] | None = None,
    ) -> ProviderSummary:
        """
        What is known of *provider* over [start, end), from rows taken in before *end*: the same for ever.

        *sides* where they were read already.
        """
        which = (self._rows, Cover.read(self._rows, start, end, at=end), provider, start, end)
        clusters: dict[str, ClusterFacts] = {}
        if sides is None:
            sides = side_queries.sides(*which)
        ticks = card_queries.ticks(*which)
        for block in card_queries.blocks(*which, block_s=block_s):
            of = block.cluster
            known = clusters.setdefault(of, ClusterFacts(of, (), {}, first_tokens_of(sides, of)))
            clusters[of] = replace(known, blocks=(*known.blocks, block))
        for cluster, reason, n in card_queries.reasons(*which):
            clusters[cluster].reasons[reason] = n
        return ProviderSummary(
            ProviderFacts(
                provider=provider,
                blocks=tuple(block for facts in clusters.values() for block in facts.blocks),
                reasons=summed(facts.reasons for facts in clusters.values()),
                ttft_hists={
                    part.connection: part.answered
                    for part in by_connection(part for facts in clusters.values() for part in facts.first_tokens)
                },
                first_tick=ticks[0] if ticks else None,
                last_tick=ticks[1] if ticks else None,
            ),
            tuple(clusters.values()),
            card_queries.any_simulated(*which),
        )

    def days_as_known(self, start: datetime, end: datetime, *, provider: str = "") -> tuple[DayBar, ...]:
        """Counts by cluster and UTC day over [start, end), of one provider or of all, as known at *end*."""
        return day_bars.day_bars(self._rows, start, end, at=end, provider=provider)

    def observed_at(self, start: datetime, end: datetime) -> dict[str, datetime]:
        """When each provider was observed last in [start, end), by rows taken in before *end*."""
        return last_observed(self._rows, start, end)

    def sides(self, provider: str, start: datetime, end: datetime, *, cluster: str = "") -> tuple[Side, ...]:
        """What our probes saw of *provider* over [start, end), and what real traffic saw, as known at *end*."""
        cover = self._compared(start, end, at=end)
        return side_queries.sides(self._rows, cover, provider, start, end, cluster)

    def sides_now(self, provider: str, start: datetime, end: datetime, *, cluster: str = "") -> tuple[Side, ...]:
        """As `sides`, with what came late."""
        cover = self._compared(start, end)
        return side_queries.sides(self._rows, cover, provider, start, end, cluster)

    def beside(
        self,
        provider: str,
        start: datetime,
        end: datetime,
        *,
        confidence: float,
        cluster: str = "",
        as_known: bool = True,
        sides: Sequence[Side] | None = None,
    ) -> Beside:
        """
        Both sides with their figures, and whether they differ more than chance allows; as known at *end*, or now.

        *sides* where they were read already.
        """
        if sides is None:
            sides = (self.sides if as_known else self.sides_now)(provider, start, end, cluster=cluster)
        lines = side_lines(provider, sides, confidence=confidence)
        standard = DoubleStandard(None, None)
        if any(line.source == "passive" for line in lines):
            standard = self.double_standard(provider, start, end, confidence=confidence, cluster=cluster)
        return Beside(provider, start, end, confidence, lines, standard)

    def double_standard(
        self, provider: str, start: datetime, end: datetime, *, confidence: float, cluster: str = ""
    ) -> DoubleStandard:
        """Whether *provider* treats our probes better than real traffic, without the figures of either."""
        cover = self._compared(start, end, at=end)
        window = side_queries.window_of(provider, start, end, cluster) | cover.within(start, end)
        strata = treatment_queries.strata_of(self._rows(treatment_queries.STRATA, **window))
        return double_standard(strata.failures, strata.first_tokens, confidence=confidence)

    def any_traffic(self, provider: str, start: datetime, end: datetime) -> bool:
        """Whether any real traffic of *provider* was seen over [start, end); cheap where `beside` is not."""
        return bool(self._rows(side_queries.ANY_TRAFFIC, **side_queries.window_of(provider, start, end))[0][0])

    def samples(
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
        """As ClickHouse.samples."""
        window = window_of(start, end, at, provider=provider, target=target)
        limit = min(limit, SAMPLES_READ_MAX)
        return samples_of(self._rows(sample_queries.SAMPLES, **window, series=list(series), limit=limit), limit)

    def _series(
        self, fine: str, by_hour: str, provider: str, start: datetime, end: datetime, points: int, cluster: str
    ) -> Sequence[tuple[Any, ...]]:
        step = rounded_step_s(max(1, math.ceil((end - start).total_seconds() / min(points - 1, POINTS_MAX - 1))))
        which = {"provider": provider, "cluster": cluster, "step": step}
        if step < HOUR_S:
            return self._rows(fine, **which, a=to_ms(start), b=to_ms(end))
        return self._rows(by_hour, **which, **self._cover(start, end).by_hour(start, end))

    def _compared(self, start: datetime, end: datetime, at: datetime | None = None) -> Cover:
        """What rollups that are compared by can serve of [start, end)."""
        return Cover.read(self._rows, start, end, at=at, marks=(rollup_sql.CLUSTERS, rollup_sql.COMPARISON))

    def _cover(self, start: datetime, end: datetime) -> Cover:
        return Cover.read(self._rows, start, end)


def _stamp(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
