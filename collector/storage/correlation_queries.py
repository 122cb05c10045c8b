"""
What providers did by buckets, what their endpoints showed, what their status pages said, and who had real traffic.

Only rows taken in before `at`. First attempts of our own probes of kinds that serve. Closed hours of buckets come from
rollups, the rest from facts (see cover.py), a day at a time, so that memory is bounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from collector.judgement.blind_spans import BEFORE, BLINDNESS_REMEMBERED, BlindSpan
from collector.judgement.correlation.buckets import BUCKET_S, Mask, Sight
from collector.judgement.correlation.shared_infrastructure import Sighting, What
from collector.judgement.honesty.posts import Ours, Post
from collector.storage.client import of_ms, to_ms
from collector.storage.comparison_rollups import ASKED, DOWN, SERVED
from collector.storage.cover import HOUR_S, IN_HOURS, Cover
from collector.storage.fact_queries import known_before
from collector.storage.incident_queries import INCIDENTS, IncidentRow, incident_of
from collector.storage.rollup_sql import COMPARISON
from schemas.incident import IncidentState, Level, Signal

Query = Callable[..., Sequence[Sequence[Any]]]

ENDPOINT = "endpoint"  # the series of samples that tls_handshake keeps
POST, POST_ENDED = "status_post", "status_post_ended"  # those that status_page keeps
INCIDENTS_MAX = 10_000
CREATED_MAX_S = 4_102_444_800  # the end of the year 2099
_BUCKET_MS, _DAY_MS = BUCKET_S * 1000, 86_400_000
OUTAGES = frozenset({Signal.HARD_DOWN, Signal.ERROR_BURN})

_TICKS = "tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})"
_ASKED = f"{_TICKS} AND {known_before('at')} AND attempt = 0 AND source = 'active'"
_SAMPLES = f"""{{database}}.integrity_samples FINAL
WHERE {_TICKS} AND at < fromUnixTimestamp64Milli({{at:Int64}})"""

# Numbers of buckets since the epoch. As the rollup `sights` has them, of facts.
BUCKETS = f"""
SELECT provider, vantage, groupArray(number), groupArrayIf(number, down) FROM
(
  SELECT provider, vantage, number, max({DOWN}) AS down FROM
  (
    SELECT provider, vantage, cluster, intDiv(toUnixTimestamp(tick), {BUCKET_S}) AS number, {ASKED}
    FROM {{database}}.observations WHERE {_TICKS} AND {known_before("at")} AND {SERVED}
    GROUP BY provider, vantage, cluster, number HAVING known > 0
  )
  GROUP BY provider, vantage, number
)
GROUP BY provider, vantage"""

HOURS = f"""
SELECT provider, vantage, groupArray(toUnixTimestamp(t)), groupArray(seen), groupArray(down)
FROM {{database}}.sights FINAL WHERE {IN_HOURS}
GROUP BY provider, vantage"""

ENDPOINTS = f"""
SELECT provider, sample, text, count(), toUnixTimestamp64Milli(max(tick)) FROM {_SAMPLES} AND name = '{ENDPOINT}'
GROUP BY provider, sample, text ORDER BY provider, sample, text"""

LOADS = f"""
SELECT model, provider, count() FROM {{database}}.observations
WHERE {_TICKS} AND {known_before("at")} AND source = 'passive' AND model != ''
GROUP BY model, provider ORDER BY model, provider"""

# As it was said when it was first read; that it has ended may be said later, and differently each time.
POSTS = f"""
SELECT sample, argMinIf(value, tick, name = '{POST}'), argMinIf(text, tick, name = '{POST}'),
       toUnixTimestamp64Milli(minIf(tick, name = '{POST}')), countIf(name = '{POST_ENDED}'),
       argMaxIf(value, tick, name = '{POST_ENDED}')
FROM {_SAMPLES} AND provider = {{provider:String}} AND value > 0 AND value < {CREATED_MAX_S}
  AND name IN ('{POST}', '{POST_ENDED}')
GROUP BY sample HAVING countIf(name = '{POST}') > 0 ORDER BY sample"""

READS = f"""
SELECT arraySort(groupUniqArray(toUnixTimestamp64Milli(tick))) FROM {{database}}.observations
WHERE provider = {{provider:String}} AND {_ASKED} AND kind = 'status_page' AND outcome = 'ok'"""


def sights(query: Query, begins: datetime, ends: datetime, at: datetime) -> Iterator[Sight]:
    """Every provider from every vantage, in the buckets of [begins, ends), which are on borders of buckets."""
    first, n = (to_ms(begins) // _BUCKET_MS, (to_ms(ends) - to_ms(begins)) // _BUCKET_MS)
    borders = Cover.read(query, begins, ends, at=at, marks=(COMPARISON,)).by_hour(begins, ends)
    found: dict[tuple[str, str], tuple[Mask, Mask]] = defaultdict(lambda: (_nothing(n), _nothing(n)))
    for provider, vantage, hours, *bits in query(HOURS, f=borders["a"], h=borders["h"]):
        numbers = np.asarray(hours, dtype=np.int64) // BUCKET_S - first
        for mask, of_hours in zip(found[provider, vantage], bits, strict=True):
            buckets = _set(numbers, of_hours)
            mask[buckets[buckets >= 0]] = True  # the first hour may begin before the window
    for low, high in _by_day(max(borders["h"], to_ms(begins)), borders["b"]):
        for provider, vantage, *numbered in query(BUCKETS, a=low, b=high, at=to_ms(at)):
            for mask, numbers in zip(found[provider, vantage], numbered, strict=True):
                mask[np.asarray(numbers, dtype=np.int64) - first] = True
    for (provider, vantage), (seen, down) in sorted(found.items(), key=lambda one: one[0]):
        if seen.any():  # not only in the first hour before the window
            yield Sight(provider, vantage, seen, down)


def blindness(query: Query, begins: datetime, ends: datetime, at: datetime) -> tuple[BlindSpan, ...]:
    """When a vantage could not see the providers, also since a week before."""
    found = _incidents(query, "", begins - BLINDNESS_REMEMBERED, at)
    blind = (one for one in found if one.signal is Signal.HARD_DOWN and one.level is Level.OBSERVER)
    return tuple(BlindSpan(one.scope, one.failed_at - BEFORE, one.resolved_at) for one in blind if one.failed_at < ends)


def sightings(query: Query, begins: datetime, ends: datetime, at: datetime) -> tuple[Sighting, ...]:
    """What endpoints showed of themselves."""
    known = set(What)
    return tuple(
        Sighting(provider, What(item), value, n, of_ms(last))
        for provider, item, value, n, last in query(ENDPOINTS, **_within(begins, ends, at))
        if item in known
    )


def loads(query: Query, begins: datetime, ends: datetime, at: datetime) -> dict[str, dict[str, float]]:
    """Requests of real traffic by model and provider."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for model, provider, n in query(LOADS, **_within(begins, ends, at)):
        found[model][provider] = float(n)
    return found


def outages(query: Query, provider: str, begins: datetime, at: datetime) -> tuple[Ours, ...]:
    """Incidents of *provider*, or of a whole cluster of it, with first evidence since *begins*, as known at *at*."""
    return tuple(
        Ours(one.id, one.scope, one.reason, one.failed_at, one.resolved_at)
        for one in reversed(_incidents(query, provider, begins, at))
        if one.signal in OUTAGES
        and one.level in {Level.PROVIDER, Level.CLUSTER}
        and one.state is not IncidentState.CHILD
    )


def posts(query: Query, provider: str, begins: datetime, ends: datetime, at: datetime) -> tuple[Post, ...]:
    """What the status page of *provider* said, the oldest first."""
    found = (
        Post(
            id=id,
            said=said,
            created_at=of_ms(round(created * 1000)),
            ended_at=of_ms(round(max(created, ended) * 1000)) if has_ended else None,
            read_at=of_ms(read),
        )
        for id, created, said, read, has_ended, ended in query(POSTS, **_within(begins, ends, at), provider=provider)
    )
    return tuple(sorted(found, key=lambda one: (one.created_at, one.id)))


def reads(query: Query, provider: str, begins: datetime, ends: datetime, at: datetime) -> tuple[datetime, ...]:
    """When the status page of *provider* was read, in order."""
    ((found,),) = query(READS, **_within(begins, ends, at), provider=provider)
    return tuple(map(of_ms, found))


def _incidents(query: Query, provider: str, begins: datetime, at: datetime) -> tuple[IncidentRow, ...]:
    rows = query(
        INCIDENTS,
        incident="",
        open=0,
        limit=INCIDENTS_MAX,
        since=to_ms(begins),
        provider=provider,
        until=to_ms(at),
        lasting=0,
    )
    return tuple(map(incident_of, rows))


def _nothing(n: int) -> Mask:
    return np.zeros(n, dtype=bool)


def _set(hours: npt.NDArray[np.int64], bits: Sequence[int]) -> npt.NDArray[np.int64]:
    """The buckets whose bits are set, where *hours* are the first buckets of hours."""
    set_bits = np.asarray(bits, dtype=np.uint16)[:, None] >> np.arange(HOUR_S // BUCKET_S, dtype=np.uint16) & 1
    hour, bucket = np.nonzero(set_bits)
    numbers: npt.NDArray[np.int64] = hours[hour] + bucket
    return numbers


def _by_day(low: int, high: int) -> Iterator[tuple[int, int]]:
    """[low, high), in ms, in pieces of a day at most."""
    for start in range(low, high, _DAY_MS):
        yield start, min(start + _DAY_MS, high)


def _within(begins: datetime, ends: datetime, at: datetime) -> dict[str, Any]:
    return {"a": to_ms(begins), "b": to_ms(ends), "at": to_ms(at)}
