"""Rollups: recomputed from facts for whole hours, never incremented; the newest version of an hour wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from collector.storage.first_token_sql import ANSWERED, INTENDED_MS, TRUSTED, WAITED, bucket_sql

SLICE = timedelta(days=2)

HOURS = f"""
INSERT INTO {{database}}.rollup_hour
  (t, provider, cluster, target, vantage, kind, connection, n, n_ok, n_degraded, n_failed, n_not_observed, n_distrusted,
   reasons, ttft_hist, intended_hist, total_hist, ver)
SELECT toStartOfHour(tick) AS t, provider, cluster, target, vantage, kind, connection,
       count(), countIf(outcome = 'ok'), countIf(outcome = 'degraded'), countIf(outcome = 'failed'),
       countIf(outcome = 'not_observed'), countIf(NOT {TRUSTED}),
       sumMapIf(map(toString(reason), 1::UInt64), reason != ''),
       sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED}),
       sumMapIf(map({bucket_sql(INTENDED_MS)}, 1::UInt64), {ANSWERED} OR {WAITED}),
       sumMapIf(map({bucket_sql("ifNull(total_ms, 0)")}, 1::UInt64),
                {TRUSTED} AND outcome IN ('ok', 'degraded') AND total_ms IS NOT NULL),
       now64(6)
FROM {{database}}.observations
WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
  AND attempt = 0 AND source = 'active'
GROUP BY t, provider, cluster, target, vantage, kind, connection"""


# Closed hours that a row was taken in for, or that have closed, since `since`.
DIRTY = """
SELECT DISTINCT toUnixTimestamp(toStartOfHour(tick)) AS hour FROM {database}.observations
WHERE tick < toStartOfHour(fromUnixTimestamp64Milli({now:Int64}, 'UTC')) AND attempt = 0 AND source = 'active'
  AND (ingested_at >= fromUnixTimestamp64Milli({since:Int64})
       OR toStartOfHour(tick) + INTERVAL 1 HOUR > fromUnixTimestamp64Milli({since:Int64}))
ORDER BY hour"""

# Rows of before connections were told apart (connection '') were not made by this rule: they do not count as a rollup.
LAST = """SELECT toUnixTimestamp64Milli(toDateTime64(max(ver), 3, 'UTC')), count() FROM {database}.rollup_hour
WHERE connection != ''"""


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
