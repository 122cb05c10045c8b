"""
The SQL of our probes and of real traffic, side by side; of our probes only the kinds that ask a model.

Parameters: provider, cluster ('' for all), a, f, p, d, h, b (ms since the epoch; see cover.py), step (s). Only facts
taken in before b.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from collector.judgement.beside import Side
from collector.judgement.facts import Block
from collector.judgement.first_token import FirstTokens
from collector.storage.at_once import at_once
from collector.storage.client import to_ms
from collector.storage.comparison_rollups import ASKED_A_MODEL
from collector.storage.cover import BEYOND_HOURS, Cover, Rows, rounded_step_s
from collector.storage.fact_queries import known_before, start_of
from collector.storage.first_token_sql import ANSWERED, INTENDED_MS, MODEL_KINDS, WAITED, bucket_sql
from collector.storage.rollup import OUTCOMES, ROLLED_OUTCOMES, between
from collector.storage.series_queries import PLACE

STEP_S = 3_600
STEPS_MAX = 200

ACTIVE, PASSIVE = "source = 'active'", "source = 'passive'"
ROWS = f"""{PLACE}
  AND tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{b:Int64}})
  AND {known_before("b")} AND attempt = 0 AND {ASKED_A_MODEL}"""

# Closed hours [f, h) come from rollups as far as they go; real traffic has no intended instant.
FACTS = f"{{database}}.observations WHERE {ROWS} AND {BEYOND_HOURS}"
_PROBES = f"{PLACE} AND kind IN {MODEL_KINDS}"


def _rolled(table: str, which: str, low: str, high: str) -> str:
    """The rows of a rollup from the border *low* to the border *high*."""
    return f"{{database}}.{table} FINAL WHERE {which} AND {between(low, high)}"


def _together(*parts: tuple[str, tuple[str, ...], str]) -> str:
    """Each part's columns from each of its tables, grouped."""
    return " UNION ALL ".join(
        f"SELECT {columns} FROM {table} GROUP BY {group}" for columns, tables, group in parts for table in tables
    )


_COUNTED = f"cluster, source, connection, {start_of('tick', 'step')}, {OUTCOMES}"
_ROLLED_COUNTS = f"cluster, 'active' AS source, connection, {start_of('t', 'step')}, {ROLLED_OUTCOMES}"
_TRAFFIC_COUNTS = f"cluster, 'passive' AS source, connection, {start_of('t', 'step')}, {ROLLED_OUTCOMES}"
COUNTS = f"""
SELECT cluster, source, connection, start, sum(ok), sum(degraded), sum(failed), sum(unknown), sum(unseen)
FROM ({
    _together(
        (_ROLLED_COUNTS, (_rolled("cluster_hour", _PROBES, "f", "h"),), "cluster, connection, start"),
        (_TRAFFIC_COUNTS, (_rolled("traffic_hour", PLACE, "f", "h"),), "cluster, connection, start"),
        (_COUNTED, (FACTS,), "cluster, source, connection, start"),
    )
})
GROUP BY cluster, source, connection, start ORDER BY cluster, source, connection, start"""

# Of the intended ones, those without a first token waited in vain.
_TIMED = f"""cluster, source, connection,
  sumMapIf(map({bucket_sql("ifNull(first_token_ms, 0)")}, 1::UInt64), {ANSWERED}) AS plain,
  sumMapIf(map({bucket_sql(INTENDED_MS)}, 1::UInt64), {ACTIVE} AND ({ANSWERED} OR {WAITED})) AS intended"""
_ROLLED_TIMES = """cluster, 'active' AS source, connection, sumMap(ttft_hist) AS plain,
  sumMap(intended_hist) AS intended"""
_TRAFFIC_TIMES = """cluster, 'passive' AS source, connection, sumMap(ttft_hist) AS plain,
  CAST(map(), 'Map(Int16, UInt64)') AS intended"""
_DAYS_AND_HOURS = (
    _rolled("cluster_hour", _PROBES, "f", "p"),
    _rolled("cluster_day", _PROBES, "p", "d"),
    _rolled("cluster_hour", _PROBES, "d", "h"),
)
FIRST_TOKENS = f"""
SELECT cluster, source, connection, sumMap(plain), sumMap(intended)
FROM ({
    _together(
        (_ROLLED_TIMES, _DAYS_AND_HOURS, "cluster, connection"),
        (_TRAFFIC_TIMES, (_rolled("traffic_hour", PLACE, "f", "h"),), "cluster, connection"),
        (_TIMED, (FACTS,), "cluster, source, connection"),
    )
})
GROUP BY cluster, source, connection ORDER BY cluster, source, connection"""

ANY_TRAFFIC = f"""
SELECT count() FROM (SELECT 1 FROM {{database}}.observations WHERE {ROWS} AND {PASSIVE} LIMIT 1)"""

Key = tuple[str, str, str]  # cluster, source, connection


def window_of(provider: str, start: datetime, end: datetime, cluster: str = "") -> dict[str, Any]:
    """The parameters of [start, end), as known at *end*: blocks of an hour, of more where they would be too many."""
    step = max(STEP_S, rounded_step_s(math.ceil((end - start).total_seconds() / STEPS_MAX)))
    return {"provider": provider, "cluster": cluster, "a": to_ms(start), "b": to_ms(end), "step": step}


def sides(
    query: Rows, cover: Cover, provider: str, start: datetime, end: datetime, cluster: str = ""
) -> tuple[Side, ...]:
    """What our probes saw over [start, end), and what real traffic saw, by cluster, source and connection."""
    window = window_of(provider, start, end, cluster) | cover.within(start, end)
    counts, first_tokens = at_once(lambda: query(COUNTS, **window), lambda: query(FIRST_TOKENS, **window))
    blocks = _blocks(counts)
    found = {
        (cluster, source, connection): FirstTokens(
            connection, plain, intended, max(0, sum(intended.values()) - sum(plain.values()))
        )
        for cluster, source, connection, plain, intended in first_tokens
    }
    return tuple(Side(key[0], key[1], blocks[key], found[key]) for key in sorted(blocks))


def _blocks(counts: Iterable[Sequence[Any]]) -> dict[Key, tuple[Block, ...]]:
    blocks: dict[Key, list[Block]] = defaultdict(list)
    for cluster, source, connection, start, *several in counts:
        blocks[cluster, source, connection].append(Block(cluster, datetime.fromtimestamp(start, UTC), *several))
    return {key: tuple(several) for key, several in blocks.items()}
