"""
What engines told of themselves, and what was refused, by target or cluster: only rows taken in before `at`.

Parameters: a, at (ms since the epoch), and one of targets, now (ms), block (s). First attempts of our own probes only.
A series that is not on a page is no figure, so that nothing unknown is ever zero. Percentiles are exact, between two
looks by interpolation; so all values are held at once, and targets are asked for a few at a time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from collector.judgement.capacity.facts import LOOKS_MIN, NOW_WITHIN, CapacityFacts, DayLevel, PageFacts, Spread
from collector.judgement.capacity.holdings import KIND
from collector.judgement.facts import Block
from collector.storage.client import of_ms, to_ms
from collector.storage.cover import BEYOND_HOURS, IN_HOURS, Cover
from collector.storage.fact_queries import CALLER, known_before, start_of
from collector.storage.first_token_sql import SERVES
from collector.storage.scorecard_queries import counted_in_rollup
from schemas.observation import Reason

Query = Callable[..., Sequence[Sequence[Any]]]

TARGETS_MAX = 20_000
ROWS_MAX = 1_000_000
LOOKS_AT_ONCE = 2_000_000  # of the store's memory they take 56 bytes each
BLOCK_S = 21_600
_ROWS = f"""{{database}}.observations
WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active'"""
_PAGES = f"{_ROWS} AND kind = '{KIND}'"

_FIGURES = ", ".join(
    f"mapContains(figures, '{name}') AS has_{name}, figures['{name}'] AS {name}"
    for name in ("kv_cache_share", "running", "waiting", "gpu_util_share", "gpus")
)
# Name of the spread, of what, over which looks.
_SPREADS = (
    ("kv", "kv_cache_share", "has_kv_cache_share"),
    ("running", "running", "has_running"),
    ("waiting", "waiting", "has_waiting"),
    ("load", "running + waiting", "has_running AND has_waiting"),
    ("gpu_util", "gpu_util_share", "has_gpu_util_share"),
    ("per_request", "kv_cache_share / running", "has_kv_cache_share AND has_running AND running > 0"),
    ("running_queued", "running", "has_running AND has_waiting AND waiting > 0"),
)
_BY_DAY = ", ".join(
    f"countIf({looks}) AS n_{name}, quantilesExactInclusiveStateIf(0.5, 0.95)({value}, {looks}) AS q_{name}"
    for name, value, looks in _SPREADS
)
_OVER_ALL = ", ".join(f"sum(n_{name}), quantilesExactInclusiveMerge(0.5, 0.95)(q_{name})" for name, *_ in _SPREADS)
LOOKS = f"""
SELECT target, count() FROM {_PAGES}
GROUP BY provider, cluster, target ORDER BY provider, cluster, target LIMIT {TARGETS_MAX}"""

# A day's states hold every value, so that those of the whole window are as exact; a page is read once for both.
PAGES = f"""
SELECT target, sum(looks), sum(read), toUnixTimestamp64Milli(min(first)), sum(queued), sum(gpu_looks),
       arraySort(groupArrayIf((day, n_kv, hours, finalizeAggregation(q_kv)[2]), n_kv > 0)), {_OVER_ALL}
FROM (SELECT target, toDate(tick) AS day, count() AS looks, countIf(outcome IN ('ok', 'degraded')) AS read,
             min(tick) AS first, countIf(has_waiting AND waiting > 0) AS queued, countIf(has_gpus) AS gpu_looks,
             uniqExactIf(toHour(tick), has_kv_cache_share) AS hours, {_BY_DAY}
      FROM (SELECT target, tick, outcome, {_FIGURES} FROM {_PAGES} AND target IN {{targets:Array(String)}})
      GROUP BY target, day)
GROUP BY target ORDER BY target"""

NEWEST = f"""
SELECT target, toUnixTimestamp64Milli(max(tick)), argMax(figures, tick)
FROM (SELECT target, tick, figures FROM {_PAGES} AND tick >= fromUnixTimestamp64Milli({{now:Int64}})
      AND notEmpty(figures))
GROUP BY target ORDER BY target LIMIT {TARGETS_MAX}"""


# Of requests that reached the cluster: what failed by our own fault, or was not observed, is unknown. Closed hours come
# from rollups as far as they were known at `at` (f, h: see cover.py); only what is not observed has a reason of ours.
_LIMITED, _FULL = f"('{Reason.RATE_LIMITED}')", f"('{Reason.NO_CAPACITY}')"
REFUSALS = f"""
SELECT cluster, start, toUInt64(sum(n) - sum(ours) - sum(unseen)), sum(limited), sum(full), sum(ours),
       sum(unseen)
FROM
(
  SELECT cluster, {start_of("t", "block")}, sum(n) AS n, sum({counted_in_rollup(_LIMITED)}) AS limited,
         sum({counted_in_rollup(_FULL)}) AS full,
         sum({counted_in_rollup(CALLER)}) AS ours, sum(n_not_observed) AS unseen
  FROM {{database}}.rollup_hour FINAL
  WHERE {IN_HOURS} AND {SERVES}
  GROUP BY cluster, start
  UNION ALL
  SELECT cluster, {start_of("tick", "block")}, count() AS n, countIf(reason IN {_LIMITED}) AS limited,
         countIf(reason IN {_FULL}) AS full,
         countIf(reason IN {CALLER}) AS ours, countIf(outcome = 'not_observed') AS unseen
  FROM {_ROWS} AND {SERVES}
    AND {BEYOND_HOURS}
  GROUP BY cluster, start
)
GROUP BY cluster, start ORDER BY cluster, start LIMIT {ROWS_MAX}"""


def facts(query: Query, start: datetime, at: datetime) -> CapacityFacts:
    """What every page told and every cluster refused over [start, at), as known at *at*. Raises as *query*."""
    window = {"a": to_ms(start), "at": to_ms(at)}
    newest = {
        target: (of_ms(ms), figures) for target, ms, figures in query(NEWEST, **window, now=to_ms(at - NOW_WITHIN))
    }
    pages = {
        target: _page(target, values, *newest.get(target, (None, {})))
        for targets in at_once(query(LOOKS, **window))
        for target, *values in query(PAGES, **window, targets=targets)
    }
    borders = Cover.read(query, start, at, at=at).within(start, at)
    refused = query(REFUSALS, **window, block=BLOCK_S, f=borders["f"], h=borders["h"])
    return CapacityFacts(pages, *_refusals(refused))


def at_once(counts: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    """Targets in groups of at most LOOKS_AT_ONCE looks, or of one."""
    group: list[str] = []
    held = 0
    for target, looks in counts:
        if group and held + looks > LOOKS_AT_ONCE:
            yield group
            group, held = [], 0
        group.append(target)
        held += looks
    if group:
        yield group


def _page(target: str, values: Sequence[Any], read_at: datetime | None, newest: Mapping[str, float]) -> PageFacts:
    """A row of PAGES, with the newest page that was read."""
    looks, read, first, queued, gpu_looks, days, *spreads = values
    return PageFacts(
        target=target, looks=looks, read=read, first=of_ms(first), queued=queued, gpu_looks=gpu_looks,
        newest=dict(newest), read_at=read_at, days=tuple(DayLevel(*level) for level in days),
        **{name: _spread_of(*pair) for (name, *_), pair in zip(_SPREADS, _pairs(spreads), strict=True)},
    )  # fmt: skip


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
