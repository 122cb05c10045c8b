"""
What every cluster did on every day, for the bars: whole days come from rollups, the rest from hours and from facts.

Parameters: a, d, h, b (ms; see cover.py), provider ('' for all). Only facts taken in before `at` (ms).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from collector.storage.client import FAR, to_ms
from collector.storage.cover import Cover, Rows, union_of
from collector.storage.fact_queries import known_before
from collector.storage.first_token_sql import SERVES
from collector.storage.rollup import OUTCOMES, ROLLED_OUTCOMES, between

_WHOSE = "({provider:String} = '' OR provider = {provider:String})"
_ROLLED = f"provider, cluster, toDate(t) AS day, sum(n) AS asked, {ROLLED_OUTCOMES}"

_PARTS = {
    ("a", "d"): f"""
  SELECT {_ROLLED} FROM {{database}}.cluster_day FINAL
  WHERE {between("a", "d")} AND {SERVES}
    AND {_WHOSE}
  GROUP BY provider, cluster, day""",
    ("d", "h"): f"""
  SELECT {_ROLLED} FROM {{database}}.cluster_hour FINAL
  WHERE {between("d", "h")} AND {SERVES}
    AND {_WHOSE}
  GROUP BY provider, cluster, day""",
    ("h", "b"): f"""
  SELECT provider, cluster, toDate(tick) AS day, count() AS asked, {OUTCOMES}
  FROM {{database}}.observations
  WHERE tick >= fromUnixTimestamp64Milli({{h:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
    AND {known_before("at")} AND attempt = 0 AND source = 'active' AND {SERVES} AND {_WHOSE}
  GROUP BY provider, cluster, day""",
}


def _bars(borders: Mapping[str, int]) -> str:
    """The query between *borders*."""
    return f"""
SELECT provider, cluster, day, sum(asked), sum(ok), sum(degraded), sum(failed), sum(unknown), sum(unseen)
FROM
({union_of(_PARTS, borders)}
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


def day_bars(
    query: Rows, start: datetime, end: datetime, *, at: datetime | None = None, provider: str = ""
) -> tuple[DayBar, ...]:
    """Counts by cluster and day over [start, end), of one provider or of all; with *at*, as they were known then."""
    window = Cover.days(query, start, end, at=at)
    return tuple(DayBar(*row) for row in query(_bars(window), **window, provider=provider, at=to_ms(at or FAR)))
