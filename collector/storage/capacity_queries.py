"""
What engines told of themselves, and what was refused, by target or cluster: only rows taken in before `at`.

Parameters: a, at (ms since the epoch), and one of now (ms) or block (s). First attempts of our own probes only. Every
look of a page is a row; a series that is not on it is no figure, so that nothing unknown is ever zero. Percentiles are
exact, between two looks by interpolation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from collector.judgement.capacity.facts import LOOKS_MIN, NOW_WITHIN, CapacityFacts, DayLevel, PageFacts, Spread
from collector.judgement.capacity.holdings import KIND
from collector.judgement.facts import Block
from collector.storage.client import of_ms, to_ms
from collector.storage.fact_queries import known_before
from collector.storage.first_token_sql import SERVES
from schemas.observation import BLAME, Blame, Reason

Query = Callable[..., Sequence[Sequence[Any]]]

TARGETS_MAX = 20_000
ROWS_MAX = 1_000_000
BLOCK_S = 21_600
_CALLER = "(" + ", ".join(sorted(f"'{reason}'" for reason, blame in BLAME.items() if blame is Blame.CALLER)) + ")"
_ROWS = f"""{{database}}.observations
WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active'"""
_PAGES = f"{_ROWS} AND kind = '{KIND}'"

_TOLD = "mapContains(figures, '{0}') AS has_{0}, figures['{0}'] AS {0}"
_FIGURES = ", ".join(_TOLD.format(name) for name in ("kv_cache_share", "running", "waiting", "gpu_util_share", "gpus"))


def _spread(value: str, condition: str) -> str:
    """How many rows hold *condition*, and the median and 95th percentile of *value* over them."""
    return f"countIf({condition}), quantilesExactInclusiveIf(0.5, 0.95)({value}, {condition})"


_SPREADS = (
    ("kv", "kv_cache_share", "has_kv_cache_share"),
    ("running", "running", "has_running"),
    ("waiting", "waiting", "has_waiting"),
    ("load", "running + waiting", "has_running AND has_waiting"),
    ("gpu_util", "gpu_util_share", "has_gpu_util_share"),
    ("per_request", "kv_cache_share / running", "has_kv_cache_share AND has_running AND running > 0"),
    ("running_queued", "running", "has_running AND has_waiting AND waiting > 0"),
)
WINDOW = f"""
SELECT target, count(), countIf(outcome IN ('ok', 'degraded')), toUnixTimestamp64Milli(min(tick)),
       countIf(has_waiting AND waiting > 0), countIf(has_gpus),
       {", ".join(_spread(value, condition) for _, value, condition in _SPREADS)}
FROM (SELECT target, tick, outcome, {_FIGURES} FROM {_PAGES})
GROUP BY target ORDER BY target LIMIT {TARGETS_MAX}"""

DAYS = f"""
SELECT target, toDate(tick) AS day, count(), uniqExact(toHour(tick)), quantileExactInclusive(0.95)(share)
FROM (SELECT target, tick, figures['kv_cache_share'] AS share
      FROM {_PAGES} AND mapContains(figures, 'kv_cache_share'))
GROUP BY target, day ORDER BY target, day LIMIT {ROWS_MAX}"""

NEWEST = f"""
SELECT target, toUnixTimestamp64Milli(max(tick)), argMax(figures, tick)
FROM (SELECT target, tick, figures FROM {_PAGES} AND tick >= fromUnixTimestamp64Milli({{now:Int64}})
      AND notEmpty(figures))
GROUP BY target ORDER BY target LIMIT {TARGETS_MAX}"""

# Of requests that reached the cluster: what failed by our own fault, or was not observed, is unknown.
REFUSALS = f"""
SELECT cluster, intDiv(toUnixTimestamp(tick), {{block:UInt32}}) * {{block:UInt32}} AS start,
       countIf(outcome != 'not_observed' AND reason NOT IN {_CALLER}),
       countIf(reason = '{Reason.RATE_LIMITED}'), countIf(reason = '{Reason.NO_CAPACITY}'),
       countIf(reason IN {_CALLER}), countIf(outcome = 'not_observed')
FROM {_ROWS} AND {SERVES}
GROUP BY cluster, start ORDER BY cluster, start LIMIT {ROWS_MAX}"""


def facts(query: Query, start: datetime, at: datetime) -> CapacityFacts:
    """What every page told and every cluster refused over [start, at), as known at *at*. Raises as *query*."""
    window = {"a": to_ms(start), "at": to_ms(at)}
    newest = {
        target: (of_ms(ms), figures) for target, ms, figures in query(NEWEST, **window, now=to_ms(at - NOW_WITHIN))
    }
    days: dict[str, list[DayLevel]] = defaultdict(list)
    for target, *level in query(DAYS, **window):
        days[target].append(DayLevel(*level))
    pages = {}
    for target, looks, read, first, queued, gpu_looks, *spreads in query(WINDOW, **window):
        read_at, figures = newest.get(target, (None, {}))
        pages[target] = PageFacts(
            target=target, looks=looks, read=read, first=of_ms(first), queued=queued, gpu_looks=gpu_looks,
            newest=dict(figures), read_at=read_at, days=tuple(days[target]),
            **{name: _spread_of(*pair) for (name, *_), pair in zip(_SPREADS, _pairs(spreads), strict=True)},
        )  # fmt: skip
    return CapacityFacts(pages, *_refusals(query(REFUSALS, **window, block=BLOCK_S)))


def _pairs(values: Sequence[Any]) -> Iterable[tuple[int, Sequence[float]]]:
    return zip(values[::2], values[1::2], strict=True)


def _spread_of(n: int, quantiles: Sequence[float]) -> Spread:
    median, p95 = (None if math.isnan(value) else value for value in quantiles)
    return Spread(n, median, p95 if n >= LOOKS_MIN else None)


def _refusals(rows: Iterable[Sequence[Any]]) -> tuple[dict[str, tuple[Block, ...]], dict[str, tuple[Block, ...]]]:
    """By cluster, twice: with those rate-limited, and with those without capacity, as what failed."""
    limited: dict[str, list[Block]] = defaultdict(list)
    full: dict[str, list[Block]] = defaultdict(list)
    for cluster, start, known, rate_limited, no_capacity, ours, unseen in rows:
        for found, n in ((limited, rate_limited), (full, no_capacity)):
            found[cluster].append(
                Block(cluster, of_ms(start * 1000), n_ok=known - n, n_failed=n, n_unknown=ours, n_not_observed=unseen)
            )
    return {key: tuple(some) for key, some in limited.items()}, {key: tuple(some) for key, some in full.items()}
