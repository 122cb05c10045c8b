"""
The SQL of every rollup: each recomputes whole buckets of [a, b) from facts, and the newest version of a bucket wins.

Parameters: a, b (ms since the epoch, on borders of the bucket). Re-probes and real traffic are not rolled up.
"""

from __future__ import annotations

from collector.storage import cluster_rollups, comparison_rollups, rollup
from collector.storage.first_token_sql import ANSWERED, INTENDED_MS, TRUSTED, WAITED, bucket_sql

_FIRST = "attempt = 0"  # of traffic, too: some rollups hold it
_GRID = f"{_FIRST} AND source = 'active'"
_FACTS = f"{rollup.FACTS} AND {_GRID}"
_REASONS = "sumMapIf(map(toString(reason), 1::UInt64), reason != '')"

# Over all vantages, so that one place which alone cannot reach a target is no outage of it.
MINUTES = f"""
INSERT INTO {{database}}.bad_minutes
  (t, provider, cluster, target, kind, n, n_failed, n_not_observed, reasons, ver)
SELECT toStartOfMinute(tick) AS t, provider, cluster, target, kind,
       count(), countIf(outcome = 'failed') AS failed, countIf(outcome = 'not_observed') AS unseen, {_REASONS}, now64(6)
FROM {_FACTS}
GROUP BY t, provider, cluster, target, kind HAVING failed + unseen > 0"""

HOURS = f"""
INSERT INTO {{database}}.rollup_hour
  (t, provider, cluster, target, vantage, kind, connection, n, n_ok, n_degraded, n_failed, n_not_observed, n_distrusted,
   reasons, ttft_hist, intended_hist, total_hist, ver)
SELECT toStartOfHour(tick) AS t, provider, cluster, target, vantage, kind, connection,
       count(), countIf(outcome = 'ok'), countIf(outcome = 'degraded'), countIf(outcome = 'failed'),
       countIf(outcome = 'not_observed'), countIf(NOT {TRUSTED}), {_REASONS},
       sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED}),
       sumMapIf(map({bucket_sql(INTENDED_MS)}, 1::UInt64), {ANSWERED} OR {WAITED}),
       sumMapIf(map({bucket_sql("ifNull(total_ms, 0)")}, 1::UInt64),
                {TRUSTED} AND outcome IN ('ok', 'degraded') AND total_ms IS NOT NULL),
       now64(6)
FROM {_FACTS}
GROUP BY t, provider, cluster, target, vantage, kind, connection"""

# From hours, which outlive the facts.
DAYS = """
INSERT INTO {database}.rollup_day
  (t, provider, cluster, target, vantage, kind, connection, n, n_ok, n_degraded, n_failed, n_not_observed, n_distrusted,
   reasons, ttft_hist, intended_hist, total_hist, ver)
SELECT toStartOfDay(t) AS day, provider, cluster, target, vantage, kind, connection,
       sum(n), sum(n_ok), sum(n_degraded), sum(n_failed), sum(n_not_observed), sum(n_distrusted),
       sumMap(reasons), sumMap(ttft_hist), sumMap(intended_hist), sumMap(total_hist), now64(6)
FROM {database}.rollup_hour FINAL
WHERE t >= fromUnixTimestamp64Milli({a:Int64}) AND t < fromUnixTimestamp64Milli({b:Int64})
GROUP BY day, provider, cluster, target, vantage, kind, connection"""

# Tokens of one read share a stamp, so a gap of 0 is one that the server, or the network, did not make.
_GAPS = f"arrayMap(gap -> {bucket_sql('gap')}, arraySlice(arrayDifference(arrivals_ms), 2))"
_ONES = "arrayMap(gap -> 1::UInt64, arraySlice(arrivals_ms, 2))"
ARRIVALS = f"""
INSERT INTO {{database}}.token_arrivals
  (t, provider, cluster, target, vantage, kind, connection, n_streams, gap_hist, longest_hist, ver)
SELECT toStartOfHour(tick) AS t, provider, cluster, target, vantage, kind, connection, count(),
       CAST(sumMap({_GAPS}, {_ONES}), 'Map(Int16, UInt64)'),
       sumMap(map({bucket_sql("arrayMax(arraySlice(arrayDifference(arrivals_ms), 2))")}, 1::UInt64)),
       now64(6)
FROM {_FACTS} AND {ANSWERED} AND length(arrivals_ms) > 1
GROUP BY t, provider, cluster, target, vantage, kind, connection"""

ENGINE = f"""
INSERT INTO {{database}}.engine_metrics
  (t, provider, cluster, target, vantage, name, n, low, high, total, last, ver)
SELECT toStartOfHour(tick) AS t, provider, cluster, target, vantage, figure.1 AS name,
       count(), min(figure.2), max(figure.2), sum(figure.2), argMax(figure.2, tick), now64(6)
FROM (SELECT tick, provider, cluster, target, vantage,
             arrayJoin(CAST(figures, 'Array(Tuple(String, Float64))')) AS figure
      FROM {_FACTS} AND kind = 'engine_metrics')
GROUP BY t, provider, cluster, target, vantage, name"""

BY_HOUR = (MINUTES, ARRIVALS, ENGINE, HOURS, cluster_rollups.CLUSTERS.sql, *comparison_rollups.BY_HOUR)
BY_DAY = (DAYS, cluster_rollups.CLUSTER_DAYS.sql, comparison_rollups.TIMES_BY_DAY.sql)

# Closed hours that a row was taken in for, or that have closed, since `since`.
DIRTY = f"""
SELECT DISTINCT hour FROM
(
  SELECT toUnixTimestamp(toStartOfHour(tick)) AS hour FROM {{database}}.observations
  WHERE ingested_at >= fromUnixTimestamp64Milli({{since:Int64}}) AND {_FIRST}
  UNION ALL
  SELECT toUnixTimestamp(toStartOfHour(tick)) AS hour FROM {{database}}.observations
  WHERE tick >= fromUnixTimestamp64Milli(greatest({{since:Int64}} - 3600000, 0)) AND {_FIRST}
)
WHERE hour < toUnixTimestamp(toStartOfHour(fromUnixTimestamp64Milli({{now:Int64}}, 'UTC'))) ORDER BY hour"""

# The oldest of the marks *names*, and how many of them there are.
FACTS, CLUSTERS, COMPARISON = "facts", cluster_rollups.MARK_NAME, comparison_rollups.MARK_NAME
COMPARED = (CLUSTERS, COMPARISON)
MARK = """
SELECT toUnixTimestamp64Milli(min(newest)), count() FROM
  (SELECT max(mark) AS newest FROM {database}.rollup_marks WHERE name IN {names:Array(String)} GROUP BY name)"""
# The oldest of the marks *names*, or *at* when that is before it, and how many of them there are; and of its closed
# hours in [a, b) the first tick that came since, however late, and how many did: nothing from there on is served from
# rollups. The index of ingested_at is looked up before reading: over 90 days that is half as long as while reading.
KNOWN = f"""
WITH (SELECT (least(min(newest), fromUnixTimestamp64Milli({{at:Int64}}, 'UTC')), count()) FROM
        (SELECT max(mark) AS newest FROM {{database}}.rollup_marks
         WHERE name IN {{names:Array(String)}} GROUP BY name)) AS known
SELECT toUnixTimestamp64Milli(known.1), known.2, toUnixTimestamp64Milli(min(tick)), count()
FROM {rollup.FACTS} AND tick < toStartOfHour(known.1) AND {_FIRST} AND ingested_at >= known.1
SETTINGS use_skip_indexes_on_data_read = 0"""
FIRST_HOUR, FIRST_DAY = (
    f"SELECT toUnixTimestamp(min(t)), count() FROM {{database}}.{table}" for table in ("rollup_hour", "rollup_day")
)
