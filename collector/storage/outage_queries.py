"""
The SQL of outages: runs of minutes in which at least half of what one kind asked of one target failed.

Parameters: provider ('' for all), a, b (ms), gap (s): bad minutes that far apart are one outage, failures: fewer are
none, limit. Only failures with the provider to blame count, and only closed minutes are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from collector.storage.cluster_rollups import UNKNOWN_IN_ROLLUP
from collector.storage.rollup import BUCKETS

GAP_S = 180
FAILURES_MIN = 3  # as many as make a target hard down

OUTAGES = f"""
SELECT provider, cluster, target, kind, min(t) AS start, max(t) + INTERVAL 1 MINUTE AS end, sum(bad), sum(known)
FROM
(
  SELECT *, sum(begins) OVER (PARTITION BY provider, cluster, target, kind ORDER BY t) AS outage FROM
  (
    SELECT *, toUnixTimestamp(t) - lagInFrame(toUnixTimestamp(t), 1, 0)
                OVER (PARTITION BY provider, cluster, target, kind ORDER BY t
                      ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) > {{gap:UInt32}} AS begins
    FROM
    (
      SELECT provider, cluster, target, kind, t, toInt64(n_failed) - toInt64({UNKNOWN_IN_ROLLUP}) AS bad,
             toInt64(n) - toInt64(n_not_observed) - toInt64({UNKNOWN_IN_ROLLUP}) AS known
      FROM {{database}}.bad_minutes FINAL
      WHERE {BUCKETS}
        AND ({{provider:String}} = '' OR provider = {{provider:String}})
    )
    WHERE bad > 0 AND 2 * bad >= known
  )
)
GROUP BY provider, cluster, target, kind, outage HAVING sum(bad) >= {{failures:UInt32}}
ORDER BY start DESC, target, kind LIMIT {{limit:UInt32}}"""


@dataclass(frozen=True, slots=True)
class Outage:
    """Minutes [start, end) in which *failed* of *known* observations of one target and kind failed."""

    provider: str
    cluster: str
    target: str
    kind: str
    start: datetime
    end: datetime
    failed: int
    known: int
