"""
What engines told of themselves, and what was refused, by target or cluster: only rows taken in before `at`.

Parameters: a, at, f, h (ms since the epoch; see cover.py), and one of targets, now (ms), block (s). First attempts of
our own probes only. Percentiles are of values as look_sql.py rounds them, between two looks by interpolation: within
0.1 % of exact, and the same from rollups as from facts. What a target's values take is bounded by its looks, so targets
are asked for a few at a time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from collector.judgement.capacity.facts import LOOKS_MIN, NOW_WITHIN, CapacityFacts, DayLevel, PageFacts, Spread
from collector.judgement.facts import Block
from collector.storage import look_sql, rollup_sql
from collector.storage.at_once import at_once
from collector.storage.client import of_ms, to_ms
from collector.storage.cluster_rollups import counted_in_rollup
from collector.storage.comparison_rollups import CAPACITY
from collector.storage.cover import BEYOND_HOURS, IN_HOURS, Cover
from collector.storage.fact_queries import CALLER, known_before, start_of
from collector.storage.first_token_sql import SERVES
from schemas.observation import Reason

Query = Callable[..., Sequence[Sequence[Any]]]

TARGETS_MAX = 20_000
ROWS_MAX = 1_000_000
LOOKS_AT_ONCE = 5_000_000  # of the store's memory they take 80 bytes each, or less
BLOCK_S = 21_600
_ROWS = f"""{{database}}.observations
WHERE tick >= fromUnixTimestamp64Milli({{a:Int64}}) AND tick < fromUnixTimestamp64Milli({{at:Int64}})
  AND {known_before("at")} AND attempt = 0 AND source = 'active'"""
_PAGES = f"{_ROWS} AND {look_sql.IS_LOOK}"

# Closed hours come from rollups as far as they were known at `at` (f, h: see cover.py), what is newer from facts.
_CLOSED = f"{{database}}.{CAPACITY.table} FINAL WHERE {IN_HOURS}"
_NEWER = f"{_PAGES} AND {BEYOND_HOURS}"
LOOKS = f"""
SELECT target, sum(looks) FROM
(
  SELECT target, sum(n) AS looks FROM {_CLOSED} GROUP BY target
  UNION ALL
  SELECT target, count() AS looks FROM {_NEWER} GROUP BY target
)
GROUP BY target ORDER BY target LIMIT {TARGETS_MAX}"""

_ASKED = "target IN {targets:Array(String)}"
_HOURS = f"""
        SELECT target, t AS hour, {", ".join(look_sql.COUNTS)}, {look_sql.FROM_HISTOGRAMS} FROM {_CLOSED} AND {_ASKED}
        UNION ALL
        SELECT target, toStartOfHour(tick) AS hour, {look_sql.COUNTED}, {look_sql.FROM_LOOKS}
        FROM (SELECT target, tick, outcome, {look_sql.FIGURES} FROM {_NEWER} AND {_ASKED})
        GROUP BY target, hour"""
_QUANTILES = "quantilesExactWeightedInterpolatedArray"
_BY_DAY = ", ".join(
    f"sum(arraySum({name}_looks)) AS n_{name}, "
    f"{_QUANTILES}State(0.5, 0.95)({look_sql.values_sql(f'{name}_buckets')}, {name}_looks) AS q_{name}"
    for name in look_sql.SPREADS
)
_OVER_ALL = ", ".join(f"sum(n_{name}), {_QUANTILES}Merge(0.5, 0.95)(q_{name})" for name in look_sql.SPREADS)
# A day's states hold every bucket, so that those of the whole window are as good; an hour is read once for both.
PAGES = f"""
SELECT target, sum(looks), sum(read), toUnixTimestamp64Milli(min(first)), sum(queued), sum(gpu_looks),
       arraySort(groupArrayIf((day, n_kv, hours, finalizeAggregation(q_kv)[2]), n_kv > 0)), {_OVER_ALL}
FROM (SELECT target, toDate(hour) AS day, sum(n) AS looks, sum(n_read) AS read, min(first_tick) AS first,
             sum(n_queued) AS queued, sum(n_gpus) AS gpu_looks, countIf(notEmpty(kv_buckets)) AS hours, {_BY_DAY}
      FROM ({_HOURS}
      )
      GROUP BY target, day)
GROUP BY target ORDER BY target"""

NEWEST = f"""
SELECT target, toUnixTimestamp64Milli(max(tick)), argMax(figures, tick)
FROM (SELECT target, tick, figures FROM {_PAGES} AND tick >= fromUnixTimestamp64Milli({{now:Int64}})
      AND notEmpty(figures))
GROUP BY target ORDER BY target LIMIT {TARGETS_MAX}"""


# Of requests that reached the cluster: what failed by our own fault, or was not observed, is unknown. Only what is not
# observed has a reason of ours.
_LIMITED, _FULL = f"('{Reason.RATE_LIMITED}')", f"('{Reason.NO_CAPACITY}')"
REFUSALS = f"""
SELECT cluster, start, toUInt64(sum(n) - sum(ours) - sum(unseen)), sum(limited), sum(full), sum(ours),
       sum(unseen)
FROM
(
  SELECT cluster, {start_of("t", "block")}, sum(n) AS n, sum({counted_in_rollup(_LIMITED)}) AS limited,
         sum({counted_in_rollup(_FULL)}) AS full,
         sum({counted_in_rollup(CALLER)}) AS ours, sum(n_not_observed) AS unseen
  FROM {{database}}.cluster_hour FINAL
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
    borders = Cover.read(query, start, at, at=at, marks=rollup_sql.COMPARED).within(start, at)
    window = {"a": to_ms(start), "at": to_ms(at), "f": borders["f"], "h": borders["h"]}
    newest, pages, refusals = at_once(
        lambda: query(NEWEST, **window, now=to_ms(at - NOW_WITHIN)),
        lambda: _pages(query, window),
        lambda: query(REFUSALS, **window, block=BLOCK_S),
    )
    now = {target: (of_ms(ms), figures) for target, ms, figures in newest}
    found = {target: _page(target, values, *now.get(target, (None, {}))) for target, *values in pages}
    return CapacityFacts(found, *_refusals(refusals))


def _pages(query: Query, window: Mapping[str, int]) -> Sequence[Sequence[Any]]:
    """Rows of PAGES of every target."""
    groups = in_groups(query(LOOKS, **window))
    return [row for targets in groups for row in query(PAGES, **window, targets=targets)]


def in_groups(counts: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
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
        **{name: _spread_of(*pair) for name, pair in zip(look_sql.SPREADS, _pairs(spreads), strict=True)},
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
