"""What the dashboard asks of the store, as it is asked, and the same from raw observations with exact quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collector.storage import outage_queries
from collector.storage.queries import Reader
from collector.storage.rollup_sql import MINUTES

PROVIDER, CLUSTER = "cloud-07", "cloud-07/c3"
LIVE = timedelta(minutes=15)
BLOCK_S = 21_600.0  # as tiers.block is by default

_ROWS = """FROM {database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})
  AND attempt = 0 AND source = 'active'"""
RAW_CARDS = f"""
SELECT provider, count(), countIf(outcome = 'ok'), countIf(outcome = 'degraded'), countIf(outcome = 'failed'),
       countIf(outcome = 'not_observed'),
       quantilesExactIf(0.5, 0.95, 0.99)(first_token_ms, outcome IN ('ok', 'degraded') AND distrust = '')
{_ROWS} GROUP BY provider ORDER BY provider"""
RAW_SERIES = f"""
SELECT toStartOfHour(tick) AS start, connection, quantilesExact(0.5, 0.95)(first_token_ms), count()
{_ROWS} AND provider = '{PROVIDER}' AND outcome IN ('ok', 'degraded') AND distrust = '' AND first_token_ms IS NOT NULL
GROUP BY start, connection ORDER BY start, connection"""
_RAW_MINUTES = MINUTES[MINUTES.index("SELECT") :].replace("count(),", "count() AS n,")
_RAW_MINUTES = (
    _RAW_MINUTES.replace("AS failed,", "AS n_failed,")
    .replace("AS unseen,", "AS n_not_observed,")
    .replace("failed + unseen > 0", "n_failed + n_not_observed > 0")
    .replace("reason != ''), now64(6)", "reason != '') AS reasons")
)
RAW_OUTAGES = outage_queries.OUTAGES.replace("{database}.bad_minutes FINAL", f"({_RAW_MINUTES})")


@dataclass(frozen=True, slots=True)
class Question:
    """*figure*: its name in the results. *ours*: asked of Reader. *raw*: the same in SQL; None where ours is raw."""

    figure: str
    ours: Callable[[Reader], Any]
    raw: str | None
    start: datetime
    end: datetime

    def parameters(self) -> dict[str, Any]:
        """Of the raw query."""
        a, b = (int(stamp.timestamp() * 1000) for stamp in (self.start, self.end))
        return {"a": a, "b": b, "provider": "", "limit": 1000} | {
            "gap": outage_queries.GAP_S,
            "failures": outage_queries.FAILURES_MIN,
        }


def questions(end: datetime, days: int) -> Sequence[Question]:
    """Those that the issue of the store names, over [end - days, end) at the most."""
    month, most = end - timedelta(days=min(30, days)), end - timedelta(days=days)
    return (
        Question("scorecard_30d_p95_ms", lambda r: r.compare(month, end), RAW_CARDS, month, end),
        Question("scorecard_90d_p95_ms", lambda r: r.compare(most, end), RAW_CARDS, most, end),
        Question("series_p95_ms", lambda r: r.latency_series(PROVIDER, month, end), RAW_SERIES, month, end),
        Question("outages_p95_ms", lambda r: r.outages(month, end), RAW_OUTAGES, month, end),
        Question("live_p95_ms", lambda r: r.compare(end - LIVE, end), RAW_CARDS, end - LIVE, end),
    )


def pages(end: datetime, days: int) -> Sequence[Question]:
    """Everything else that the dashboard's pages read."""
    week, month, most = (end - timedelta(days=min(back, days)) for back in (7, 30, days))
    asked: tuple[tuple[str, datetime, Callable[[Reader], Any]], ...] = (
        ("bars of every cluster, 90 d", most, lambda r: r.daily_bars(90)),
        ("time to first token, 7 d", week, lambda r: r.latency_series(PROVIDER, week, end, points=240)),
        ("time to first token, 90 d", most, lambda r: r.latency_series(PROVIDER, most, end, points=240)),
        ("errors, 7 d", week, lambda r: r.error_series(PROVIDER, week, end, points=60)),
        ("errors, 90 d", most, lambda r: r.error_series(PROVIDER, most, end, points=60)),
        ("probes beside traffic, 7 d", week, lambda r: r.beside(PROVIDER, week, end, confidence=0.95, as_known=False)),
        ("probes beside traffic, 90 d", most, lambda r: r.beside(PROVIDER, most, end, confidence=0.95, as_known=False)),
        ("any traffic, 90 d", most, lambda r: r.any_traffic(PROVIDER, most, end)),
        ("what models were worth, 7 d", week, lambda r: r.model_facts(week, end, block_s=BLOCK_S)),
        ("what models were worth, 90 d", most, lambda r: r.model_facts(most, end, block_s=BLOCK_S)),
        ("who fails together, 30 d", month, lambda r: r.relations(end, min(30, days), {})),
        ("status page of a provider, 30 d", month, lambda r: r.honesty(PROVIDER, month, end)),
        ("public status page, 90 d", most, lambda r: (r.days_as_known(most, end), r.observed_at(most, end))),
        ("targets of a cluster, 90 d", most, lambda r: r.cluster_targets(PROVIDER, CLUSTER, most, end)),
        ("last observations", end, lambda r: r.recent_observations(PROVIDER)),
        ("freshness", end, lambda r: r.freshness()),
    )
    return tuple(Question(name, ours, None, start, end) for name, start, ours in asked)
