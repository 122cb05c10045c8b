"""
The SQL of one provider's record over a window: closed hours come from rollups as far as they go, the rest from facts.

Parameters: provider, cluster ('' for all), a, f, h, b (ms; see cover.py), block (s). Only facts taken in before b; the
cover is to be of what was known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from collector.judgement.facts import Block
from collector.storage.cover import BEYOND_HOURS, HOUR_S, IN_HOURS, Cover, Rows
from collector.storage.fact_queries import known_before, start_of
from collector.storage.first_token_sql import SERVES
from collector.storage.rollup import OUTCOMES, ROLLED_OUTCOMES
from collector.storage.series_queries import PLACE

_KNOWN = f"""{{database}}.observations
  WHERE {PLACE} AND tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
    AND attempt = 0 AND source = 'active' AND {SERVES} AND {known_before("b")}"""
_FACTS = f"""{_KNOWN}
    AND {BEYOND_HOURS}"""
_HOURS = f"""{{database}}.cluster_hour FINAL
  WHERE {PLACE} AND {IN_HOURS}
    AND {SERVES}"""

BLOCKS = f"""
SELECT cluster, start, sum(ok), sum(degraded), sum(failed), sum(unknown), sum(unseen)
FROM
(
  SELECT cluster, {start_of("t", "block")}, {ROLLED_OUTCOMES}
  FROM {_HOURS} GROUP BY cluster, start
  UNION ALL
  SELECT cluster, {start_of("tick", "block")}, {OUTCOMES}
  FROM {_FACTS} GROUP BY cluster, start
)
GROUP BY cluster, start ORDER BY cluster, start"""

REASONS = f"""
SELECT cluster, reason, sum(n) FROM
(
  SELECT cluster, pair.1 AS reason, pair.2 AS n FROM
    (SELECT cluster, arrayJoin(CAST(reasons, 'Array(Tuple(String, UInt64))')) AS pair FROM {_HOURS})
  UNION ALL
  SELECT cluster, toString(reason) AS reason, count() AS n FROM {_FACTS} AND reason != '' GROUP BY cluster, reason
)
GROUP BY cluster, reason ORDER BY cluster, reason"""

_OUTER_HOURS = f"SELECT toUnixTimestamp(min(t)), toUnixTimestamp(max(t)), count() FROM {_HOURS}"
# The first and the last tick are in the outermost hours, or beyond them: the facts between are not looked at.
_TICKS = f"""
SELECT min(tick), max(tick), count() FROM {_KNOWN}
  AND (tick < fromUnixTimestamp64Milli({{until:Int64}}) OR tick >= fromUnixTimestamp64Milli({{since:Int64}}))"""
_SIMULATED = f"SELECT count() FROM (SELECT 1 FROM {_KNOWN} AND simulated LIMIT 1)"


def window_of(cover: Cover, provider: str, start: datetime, end: datetime, cluster: str = "") -> dict[str, Any]:
    """The parameters of [start, end) under *cover*, but for block."""
    return {"provider": provider, "cluster": cluster, **cover.within(start, end)}


def blocks(
    query: Rows, cover: Cover, provider: str, start: datetime, end: datetime, *, block_s: float, cluster: str = ""
) -> tuple[Block, ...]:
    """Counts by cluster and block of time; of blocks that are not whole hours rollups know nothing."""
    block = int(block_s)
    window = window_of(Cover() if block % HOUR_S else cover, provider, start, end, cluster)
    return tuple(
        Block(of, datetime.fromtimestamp(begins, UTC), *counts)
        for of, begins, *counts in query(BLOCKS, **window, block=block)
    )


def reasons(query: Rows, cover: Cover, provider: str, start: datetime, end: datetime) -> Sequence[Sequence[Any]]:
    """How often each reason came, by cluster: (cluster, reason, n)."""
    return query(REASONS, **window_of(cover, provider, start, end))


def ticks(query: Rows, cover: Cover, provider: str, start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
    """The first and the last tick; None without any."""
    window = window_of(cover, provider, start, end)
    first_s, last_s, hours = query(_OUTER_HOURS, **window)[0]
    until, since = ((first_s + HOUR_S) * 1000, last_s * 1000) if hours else (window["f"], window["h"])
    first, last, n = query(_TICKS, **window, until=until, since=since)[0]
    return (first, last) if n else None


def any_simulated(query: Rows, cover: Cover, provider: str, start: datetime, end: datetime) -> bool:
    """Whether any of it was simulated."""
    return bool(query(_SIMULATED, **window_of(cover, provider, start, end))[0][0])
