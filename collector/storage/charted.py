"""What pages show of time and of one cluster: bars, series, blocks, targets, engines, the last observations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.judgement.facts import Block
from collector.storage import card_queries, cluster_queries, day_bars, rollup_sql, series_queries
from collector.storage.client import EPOCH, to_ms
from collector.storage.cluster_queries import EngineLine, TargetLine
from collector.storage.cover import HOUR_S, Cover, rounded_step_s
from collector.storage.day_bars import DayBar
from collector.storage.open_store import OpenStore
from collector.storage.recorded import ROWS_MAX
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


class Charted(OpenStore):
    """Figures over time, in an open store."""

    def daily_bars(self, days: int = 90) -> tuple[DayBar, ...]:
        """Counts by cluster and UTC day over the last *days*, today included; days without rows are left out."""
        now = self.now()
        start = datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=days - 1)
        end = start + timedelta(days=days)
        return day_bars.day_bars(self._rows, start, end)

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

    def _series(
        self, fine: str, by_hour: str, provider: str, start: datetime, end: datetime, points: int, cluster: str
    ) -> Sequence[tuple[Any, ...]]:
        step = rounded_step_s(max(1, math.ceil((end - start).total_seconds() / min(points - 1, POINTS_MAX - 1))))
        which = {"provider": provider, "cluster": cluster, "step": step}
        if step < HOUR_S:
            return self._rows(fine, **which, a=to_ms(start), b=to_ms(end))
        return self._rows(by_hour, **which, **Cover.read(self._rows, start, end).by_hour(start, end))


def _stamp(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
