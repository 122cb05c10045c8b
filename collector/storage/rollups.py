"""Rollups: recomputed from facts for whole hours, never incremented; the newest version of an hour wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

SLICE = timedelta(days=2)

HOURS = """
INSERT INTO {database}.rollup_1h
  (t, provider, cluster, target, vantage, kind, n, n_ok, n_degraded, n_failed, n_not_observed, reasons, ttft_hist,
   total_hist, ver)
SELECT toStartOfHour(tick) AS t, provider, cluster, target, vantage, kind,
       count(), countIf(outcome = 'ok'), countIf(outcome = 'degraded'), countIf(outcome = 'failed'),
       countIf(outcome = 'not_observed'),
       sumMapIf(map(toString(reason), 1::UInt64), reason != ''),
       sumMapIf(map(toInt16(ceil(log(greatest(toFloat64(ifNull(first_token_ms, 0)), 0.01)) / log(1.02))), 1::UInt64),
                outcome IN ('ok', 'degraded') AND first_token_ms IS NOT NULL),
       sumMapIf(map(toInt16(ceil(log(greatest(toFloat64(ifNull(total_ms, 0)), 0.01)) / log(1.02))), 1::UInt64),
                outcome IN ('ok', 'degraded') AND total_ms IS NOT NULL),
       now64(6)
FROM {database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})
  AND attempt = 0 AND source = 'active'
GROUP BY t, provider, cluster, target, vantage, kind"""


# Closed hours that a row was taken in for, or that have closed, since `since`.
DIRTY = """
SELECT DISTINCT toUnixTimestamp(toStartOfHour(tick)) AS hour FROM {database}.observations
WHERE tick < toStartOfHour(fromUnixTimestamp64Milli({now:Int64}, 'UTC'))
  AND (ingested_at >= fromUnixTimestamp64Milli({since:Int64})
       OR toStartOfHour(tick) + INTERVAL 1 HOUR > fromUnixTimestamp64Milli({since:Int64}))
ORDER BY hour"""

LAST = "SELECT toUnixTimestamp64Milli(toDateTime64(max(ver), 3, 'UTC')), count() FROM {database}.rollup_1h"


def runs(hours: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    """Ascending *hours* as [start, end) of those that touch."""
    start = end = None
    for hour in hours:
        if hour != end:
            if start is not None and end is not None:
                yield start, end
            start = hour
        end = hour + timedelta(hours=1)
    if start is not None and end is not None:
        yield start, end


def slices(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """[start, end) widened to whole hours, in pieces that fit in memory."""
    low = start.replace(minute=0, second=0, microsecond=0)
    while low < end:
        high = min(low + SLICE, end.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
        yield low, high
        low = high
