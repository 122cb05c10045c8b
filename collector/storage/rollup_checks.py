"""
The SQL that holds rollups against what they were made from: facts count for, rollups against, and nothing may be left.

Parameters: a, b (ms, on borders of days), limit. Each row is a bucket (s since the epoch) with its key in words.
"""

from __future__ import annotations

from collector.storage.first_token_sql import ANSWERED
from collector.storage.rollup import BUCKETS, Rollup

_KEY = "target, vantage, kind, connection"
_WORDS = "concat(target, ' ', vantage, ' ', kind, ' ', connection)"
_TICKS = """tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})
    AND attempt = 0 AND source = 'active'"""
_LEFT = """HAVING sum(all) != 0 OR sum(ok) != 0 OR sum(degraded) != 0 OR sum(failed) != 0 OR sum(unseen) != 0
    OR sum(distrusted) != 0 OR sum(why) != 0 OR sum(tokens) != 0"""


def _rolled(sign: str) -> str:
    return f"""{sign} toInt64(n) AS all, {sign} toInt64(n_ok) AS ok, {sign} toInt64(n_degraded) AS degraded,
    {sign} toInt64(n_failed) AS failed, {sign} toInt64(n_not_observed) AS unseen,
    {sign} toInt64(n_distrusted) AS distrusted, {sign} toInt64(arraySum(mapValues(reasons))) AS why,
    {sign} toInt64(arraySum(mapValues(ttft_hist))) AS tokens"""


HOURS = f"""
SELECT toUnixTimestamp(t) AS bucket, {_WORDS} FROM
(
  SELECT toStartOfHour(tick) AS t, {_KEY}, toInt64(count()) AS all, toInt64(countIf(outcome = 'ok')) AS ok,
    toInt64(countIf(outcome = 'degraded')) AS degraded, toInt64(countIf(outcome = 'failed')) AS failed,
    toInt64(countIf(outcome = 'not_observed')) AS unseen, toInt64(countIf(distrust != '')) AS distrusted,
    toInt64(countIf(reason != '')) AS why, toInt64(countIf({ANSWERED})) AS tokens
  FROM {{database}}.observations WHERE {_TICKS} GROUP BY t, {_KEY}
  UNION ALL
  SELECT t, {_KEY}, {_rolled("-")} FROM {{database}}.rollup_hour FINAL WHERE {BUCKETS}
)
GROUP BY t, {_KEY} {_LEFT} ORDER BY t, {_KEY} LIMIT {{limit:UInt32}}"""

DAYS = f"""
SELECT toUnixTimestamp(day) AS bucket, {_WORDS} FROM
(
  SELECT toStartOfDay(t) AS day, {_KEY}, {_rolled("")} FROM {{database}}.rollup_hour FINAL WHERE {BUCKETS}
  UNION ALL
  SELECT t AS day, {_KEY}, {_rolled("-")} FROM {{database}}.rollup_day FINAL WHERE {BUCKETS}
)
GROUP BY day, {_KEY} {_LEFT} ORDER BY day, {_KEY} LIMIT {{limit:UInt32}}"""

MINUTES = f"""
SELECT toUnixTimestamp(t) AS bucket, concat(target, ' ', kind) FROM
(
  SELECT toStartOfMinute(tick) AS t, target, kind, toInt64(count()) AS all,
    toInt64(countIf(outcome = 'failed')) AS failed, toInt64(countIf(outcome = 'not_observed')) AS unseen
  FROM {{database}}.observations WHERE {_TICKS} GROUP BY t, target, kind HAVING failed + unseen > 0
  UNION ALL
  SELECT t, target, kind, -toInt64(n) AS all, -toInt64(n_failed) AS failed, -toInt64(n_not_observed) AS unseen
  FROM {{database}}.bad_minutes FINAL WHERE {BUCKETS}
)
GROUP BY t, target, kind HAVING sum(all) != 0 OR sum(failed) != 0 OR sum(unseen) != 0
ORDER BY t, target, kind LIMIT {{limit:UInt32}}"""


def differing(rollup: Rollup) -> str:
    """Buckets of *rollup* that are not what it is made of."""
    keys, columns = ", ".join(rollup.keys), ", ".join(rollup.columns)
    return f"""
SELECT toUnixTimestamp(t) AS bucket, concatWithSeparator(' ', {keys}) FROM
(
  SELECT t, {keys}, {columns} FROM {{database}}.{rollup.table} FINAL WHERE {BUCKETS}
  UNION ALL {rollup.facts}
)
GROUP BY t, {keys} HAVING count() != 2 OR uniqExact(toString(tuple({columns}))) != 1
ORDER BY t, {keys} LIMIT {{limit:UInt32}}"""
