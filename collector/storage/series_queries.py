"""The SQL of one provider's figures: series for charts, the last observations, facts for a scorecard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collector.storage.fact_queries import start_of
from collector.storage.first_token_sql import ANSWERED, bucket_sql
from collector.storage.scorecard_queries import quantile_sql

# An empty cluster stands for all of them.
PLACE = "provider = {provider:String} AND ({cluster:String} = '' OR cluster = {cluster:String})"
_ROWS = f"""{PLACE}
  AND tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
  AND attempt = 0 AND source = 'active'"""
_BUCKET = start_of("tick", "step")

LATENCY = f"""
SELECT {_BUCKET}, connection, quantile(0.5)(first_token_ms), quantile(0.95)(first_token_ms), count()
FROM {{database}}.observations WHERE {_ROWS} AND {ANSWERED}
GROUP BY start, connection ORDER BY start, connection"""

ERRORS = f"""
SELECT {_BUCKET}, reason, count() FROM {{database}}.observations WHERE {_ROWS} AND reason != ''
GROUP BY start, reason ORDER BY start, reason"""

# The same from closed hours as far as they go (a to h; see cover.py) and from facts; steps are whole hours.
_HOURS = f"""{PLACE}
  AND t >= fromUnixTimestamp64Milli({{a:Int64}}) AND t < fromUnixTimestamp64Milli({{h:Int64}})"""
_NEWER = _ROWS.replace("{a:Int64}", "{h:Int64}")
_HOUR_BUCKET = start_of("t", "step")

LATENCY_BY_HOUR = f"""
SELECT start, connection, {quantile_sql("h", 0.5)}, {quantile_sql("h", 0.95)}, arraySum(mapValues(sumMap(hist) AS h))
FROM
(
  SELECT {_HOUR_BUCKET}, connection, sumMap(ttft_hist) AS hist
  FROM {{database}}.cluster_hour FINAL WHERE {_HOURS} GROUP BY start, connection
  UNION ALL
  SELECT {_BUCKET}, connection, sumMap(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64)) AS hist
  FROM {{database}}.observations WHERE {_NEWER} AND {ANSWERED} GROUP BY start, connection
)
WHERE notEmpty(hist) GROUP BY start, connection ORDER BY start, connection"""

ERRORS_BY_HOUR = f"""
SELECT start, reason, sum(n) FROM
(
  SELECT start, pair.1 AS reason, pair.2 AS n FROM
    (SELECT {_HOUR_BUCKET}, arrayJoin(CAST(reasons, 'Array(Tuple(String, UInt64))')) AS pair
     FROM {{database}}.cluster_hour FINAL WHERE {_HOURS})
  UNION ALL
  SELECT {_BUCKET}, toString(reason) AS reason, 1::UInt64 AS n
  FROM {{database}}.observations WHERE {_NEWER} AND reason != ''
)
GROUP BY start, reason ORDER BY start, reason"""

RECENT = f"""
SELECT tick, cluster, target, vantage, kind, attempt, outcome, reason, detail, http_status, first_token_ms, total_ms,
       counted_out, billed_out
FROM {{database}}.observations
WHERE {PLACE} AND tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND source = 'active'
ORDER BY tick DESC, target, vantage, kind, attempt LIMIT {{limit:UInt32}}"""

NEWEST = f"""
SELECT max(tick), count() FROM {{database}}.observations
WHERE {PLACE} AND tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND source = 'active'"""


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """Time to first token over one bucket of time that begins at *start* and one kind of connection; n had one."""

    start: datetime
    connection: str
    p50_ms: float
    p95_ms: float
    n: int


@dataclass(frozen=True, slots=True)
class ErrorPoint:
    """How often one reason came in the bucket of time that begins at *start*."""

    start: datetime
    reason: str
    n: int
