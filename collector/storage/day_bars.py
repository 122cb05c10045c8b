"""
What every cluster did on every day, for the bars: closed hours come from rollups, the others from facts.

Parameters: a, b (ms since the epoch). An hour counts as rolled up when every row of it was computed after it closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from collector.storage.fact_queries import UNKNOWN_REASONS

_UNKNOWN = "(" + ", ".join(f"'{reason}'" for reason in UNKNOWN_REASONS) + ")"
_CLOSED = """SELECT t FROM {database}.rollup_hour
      WHERE t >= fromUnixTimestamp64Milli({a:Int64}) AND t < fromUnixTimestamp64Milli({b:Int64})
      GROUP BY t HAVING min(ver) >= t + INTERVAL 1 HOUR"""

DAYS = f"""
SELECT provider, cluster, day, sum(n), sum(ok), sum(degraded), sum(failed), sum(unknown), sum(not_observed) FROM
(
  SELECT provider, cluster, toDate(t) AS day, sum(n) AS n, sum(n_ok) AS ok, sum(n_degraded) AS degraded,
         toUInt64(sum(n_failed) - unknown) AS failed,
         sum(arraySum((reason, count) -> if(reason IN {_UNKNOWN}, count, 0), mapKeys(reasons), mapValues(reasons)))
           AS unknown,
         sum(n_not_observed) AS not_observed
  FROM {{database}}.rollup_hour FINAL
  WHERE t >= fromUnixTimestamp64Milli({{a:Int64}}) AND t < fromUnixTimestamp64Milli({{b:Int64}}) AND t IN ({_CLOSED})
  GROUP BY provider, cluster, day
  UNION ALL
  SELECT provider, cluster, toDate(tick) AS day, count() AS n, countIf(outcome = 'ok') AS ok,
         countIf(outcome = 'degraded') AS degraded,
         countIf(outcome = 'failed' AND reason NOT IN {_UNKNOWN}) AS failed,
         countIf(outcome = 'failed' AND reason IN {_UNKNOWN}) AS unknown,
         countIf(outcome = 'not_observed') AS not_observed
  FROM {{database}}.observations
  WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
    AND attempt = 0 AND source = 'active' AND toStartOfHour(tick) NOT IN ({_CLOSED})
  GROUP BY provider, cluster, day
)
GROUP BY provider, cluster, day ORDER BY provider, cluster, day"""


@dataclass(frozen=True, slots=True)
class DayBar:
    """
    Counts of one cluster on one UTC day; re-probes are left out.

    failed: the provider's fault. unknown: failed, but the caller's fault or nobody knows whose. not_observed: ours.
    """

    provider: str
    cluster: str
    day: date
    n: int
    ok: int
    degraded: int
    failed: int
    unknown: int
    not_observed: int
