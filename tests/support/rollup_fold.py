"""What every rollup must hold, folded in Python: the reference of `collector/storage/rollup_sql.py`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import pairwise
from struct import pack, unpack
from typing import Any

from collector.judgement.facts import bucket_of
from collector.judgement.first_token import from_intended_ms
from collector.storage.rollups import floor
from schemas.observation import Observation, Outcome, Source

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ANSWERS = {Outcome.OK, Outcome.DEGRADED}
Groups = dict[tuple[Any, ...], list[Observation]]


def bad_minutes(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (t, provider, cluster, target, kind): n, failed, not observed, reasons; bad minutes only."""
    rows = {
        key: (len(several), _n(several, Outcome.FAILED), _n(several, Outcome.NOT_OBSERVED), _reasons(several))
        for key, several in _groups(observations, MINUTE, _asked).items()
    }
    return {key: row for key, row in rows.items() if row[1] + row[2]}


def counts(observations: Iterable[Observation], bucket: timedelta) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (t, ..., kind, connection): n and outcomes, distrusted, reasons, three histograms; an hour or a day."""
    return {
        key: (
            len(several),
            *(_n(several, outcome) for outcome in (Outcome.OK, Outcome.DEGRADED, Outcome.FAILED, Outcome.NOT_OBSERVED)),
            sum(one.distrust is not None for one in several),
            _reasons(several),
            _histogram(one.timings.first_token_ms for one in several if _answered(one)),
            _histogram(from_intended_ms(one) for one in several),
            _histogram(one.timings.total_ms for one in several if one.outcome in ANSWERS and one.distrust is None),
        )
        for key, several in _groups(observations, bucket, _connected).items()
    }


def token_arrivals(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, ..., kind, connection): streams, gaps between tokens, the longest gap of each stream."""
    streams = [one for one in observations if _answered(one) and len(one.timings.arrivals_ms) > 1]
    return {
        key: (
            len(several),
            _histogram(gap for one in several for gap in _gaps(one)),
            _histogram(max(_gaps(one)) for one in several),
        )
        for key, several in _groups(streams, HOUR, _connected).items()
    }


def engine_metrics(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, provider, cluster, target, vantage, name): n, low, high, total, last."""
    series = defaultdict(list)
    for one in observations:
        if one.kind == "engine_metrics" and one.attempt == 0 and one.source is Source.ACTIVE:
            for name, value in one.figures.items():
                key = (floor(one.tick, HOUR), one.provider, one.cluster, one.target, one.vantage, name)
                series[key].append((one.tick, value))
    return {
        key: (len(seen), min(v for _, v in seen), max(v for _, v in seen), sum(v for _, v in seen), max(seen)[1])
        for key, seen in series.items()
    }


def _groups(observations: Iterable[Observation], bucket: timedelta, key: Callable[[Observation], Any]) -> Groups:
    groups: Groups = defaultdict(list)
    for one in observations:
        if one.attempt == 0 and one.source is Source.ACTIVE:
            groups[floor(one.tick, bucket), *key(one)].append(one)
    return groups


def _asked(one: Observation) -> tuple[str, ...]:
    return one.provider, one.cluster, one.target, one.kind


def _connected(one: Observation) -> tuple[str, ...]:
    return one.provider, one.cluster, one.target, one.vantage, one.kind, one.instrument.connection.value


def _n(several: Iterable[Observation], outcome: Outcome) -> int:
    return sum(one.outcome is outcome for one in several)


def _reasons(several: Iterable[Observation]) -> dict[str, int]:
    return dict(Counter(one.reason.value for one in several if one.reason is not None))


def _answered(one: Observation) -> bool:
    return one.outcome in ANSWERS and one.distrust is None and one.timings.first_token_ms is not None


def _gaps(one: Observation) -> list[float]:
    """As the store has them: of arrivals in single precision."""
    arrivals = [unpack("f", pack("f", at))[0] for at in one.timings.arrivals_ms]
    return [b - a for a, b in pairwise(arrivals)]


def _histogram(values: Iterable[float | None]) -> dict[int, int]:
    return dict(Counter(bucket_of(value) for value in values if value is not None))
