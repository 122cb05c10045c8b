"""What every rollup must hold, folded in Python: the reference of `rollup_sql.py` and `comparison_rollups.py`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from math import log
from struct import pack, unpack
from typing import Any

from collector.judgement.facts import bucket_of
from collector.judgement.first_token import FIRST_TOKEN_KINDS, from_intended_ms
from collector.storage.rollups import floor
from schemas.observation import Blame, Observation, Outcome, Source
from schemas.probe_kinds import SERVING_KINDS

MINUTE, FIVE_MINUTES, HOUR, DAY = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
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


def by_cluster(observations: Iterable[Observation], bucket: timedelta) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (t, provider, cluster, kind, connection): n and outcomes, reasons, two histograms; an hour or a day."""
    return {
        key: (
            len(several),
            *_outcomes(several),
            _reasons(several),
            _histogram(one.timings.first_token_ms for one in several if _answered(one)),
            _histogram(from_intended_ms(one) for one in several),
        )
        for key, several in _groups(
            observations, bucket, lambda one: (one.provider, one.cluster, one.kind, one.instrument.connection.value)
        ).items()
    }


def target_hour(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, provider, cluster, target, kind, module): the last model and access path, outcomes, the last tick."""
    found = {}
    for key, several in _groups(observations, HOUR, lambda one: (*_asked(one), one.module)).items():
        last = max(several, key=lambda one: one.tick)
        found[key] = (last.model, last.access_path, *_outcomes(several), last.tick)
    return found


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


def model_hour(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, provider, model, cluster, target): outcomes, tokens billed in and out, tokens that were good."""
    served = [one for one in observations if _serves(one) and one.model]
    return {
        key: (
            *_outcomes(several),
            sum(one.tokens.billed_in or 0 for one in several),
            sum(one.tokens.billed_out or 0 for one in several),
            sum(_answered_with(one) for one in several if one.outcome is Outcome.OK),
        )
        for key, several in _groups(
            served, HOUR, lambda one: (one.provider, one.model, one.cluster, one.target)
        ).items()
    }


def model_times(observations: Iterable[Observation], bucket: timedelta) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (t, provider, model): first tokens, gaps between tokens, and of how many gaps the tokens are as billed."""
    short = [one for one in observations if _serves(one) and one.model and one.kind != "long_prompt"]
    return {
        key: (
            _histogram(one.timings.first_token_ms for one in several if _answered(one)),
            _histogram(map(_pace_ms, several)),
            sum(_pace_ms(one) is not None and _exact(one) is None for one in several),
        )
        for key, several in _groups(short, bucket, lambda one: (one.provider, one.model)).items()
    }


def sights(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, provider, vantage): the bits of the buckets of five minutes in which it was seen, and was down."""
    asked = _groups(filter(_serves, observations), FIVE_MINUTES, lambda one: (one.provider, one.vantage, one.cluster))
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for (bucket, provider, vantage, _), several in asked.items():
        failed = sum(one.blame is Blame.PROVIDER and one.outcome is Outcome.FAILED for one in several)
        known = failed + sum(one.outcome in ANSWERS for one in several)
        bit = 1 << bucket.minute // 5
        if known:
            bits = found[floor(bucket, HOUR), provider, vantage]
            bits[0] |= bit
            bits[1] |= bit if 2 * failed >= known else 0
    return {key: tuple(bits) for key, bits in found.items()}


def treatment_hour(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, ..., target, source, class of prompt length): known, failed, timed, logarithms, their squares."""
    asked = [one for one in observations if _known(one) and (_of_traffic(one) or one.kind in FIRST_TOKEN_KINDS)]
    found = {}
    for key, several in _groups(asked, HOUR, _treated, sources=tuple(Source)).items():
        logs = [_log(one) for one in several if _answered(one) and one.tokens.billed_in]
        failed = sum(one.outcome is Outcome.FAILED for one in several)
        found[key] = (len(several), failed, len(logs), sum(logs), sum(log * log for log in logs))
    return found


def traffic_hour(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, provider, cluster, connection): outcomes of real traffic, and first tokens."""
    several_by_key = _groups(
        observations, HOUR, lambda one: (one.provider, one.cluster, one.instrument.connection.value),
        sources=(Source.PASSIVE,),
    )  # fmt: skip
    return {
        key: (
            *_outcomes(several),
            _histogram(one.timings.first_token_ms for one in several if _answered(one)),
        )
        for key, several in several_by_key.items()
    }


def _of_traffic(one: Observation) -> bool:
    return one.source is Source.PASSIVE


def _treated(one: Observation) -> tuple[Any, ...]:
    return one.provider, one.cluster, one.target, one.source.value, _size(one)


def capacity_hour(observations: Iterable[Observation]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By (hour, provider, cluster, target): looks, read, queued, with GPUs, the first tick, seven histograms."""
    looks = [one for one in observations if one.kind == "engine_metrics" and one.source is Source.ACTIVE]
    found = {}
    for key, several in _groups(looks, HOUR, lambda one: (one.provider, one.cluster, one.target)).items():
        told = [one.figures for one in several]
        found[key] = (
            len(several),
            sum(one.outcome in ANSWERS for one in several),
            sum(figures.get("waiting", 0) > 0 for figures in told),
            sum("gpus" in figures for figures in told),
            min(one.tick for one in several),
            *(dict(Counter(_ten_bits(value) for figures in told for value in values(figures))) for values in _SPREADS),
        )
    return found


def _told(figures: Mapping[str, float], *names: str) -> tuple[float, ...]:
    """These figures, or nothing where one of them is unknown."""
    return tuple(figures[name] for name in names) if figures.keys() >= set(names) else ()


_SPREADS: tuple[Callable[[Mapping[str, float]], Sequence[float]], ...] = (
    lambda figures: _told(figures, "kv_cache_share"),
    lambda figures: _told(figures, "running"),
    lambda figures: _told(figures, "waiting"),
    lambda figures: [sum(both)] if (both := _told(figures, "running", "waiting")) else [],
    lambda figures: _told(figures, "gpu_util_share"),
    lambda figures: [kv / n for kv, n in [_told(figures, "kv_cache_share", "running") or (0, 0)] if n > 0],
    lambda figures: [n for n, waiting in [_told(figures, "running", "waiting") or (0, 0)] if waiting > 0],
)


def _ten_bits(value: float) -> int:
    """Of single precision, scaled so that all that is seen has neither a sign nor an upper bit of the exponent."""
    bits: int = unpack("I", pack("f", value / 2**63))[0]
    return (bits + 2**13) >> 14


def _known(one: Observation) -> bool:
    return one.outcome in ANSWERS or (one.outcome is Outcome.FAILED and one.blame is Blame.PROVIDER)


def _size(one: Observation) -> int:
    """Prompts of 1-3, 4-15, 16-63, ... tokens."""
    return ((one.tokens.billed_in or 1).bit_length() - 1) // 2


def _log(one: Observation) -> float:
    """Of the time from the start of the request, of stored precision; traffic starts as it is sent."""
    sent_ms = 0.0 if _of_traffic(one) else one.timings.sent_ms
    first, sent = (unpack("f", pack("f", ms or 0.0))[0] for ms in (one.timings.first_token_ms, sent_ms))
    return log(max(first + sent, 0.01))


def _serves(one: Observation) -> bool:
    return one.kind in SERVING_KINDS


def _exact(one: Observation) -> int | None:
    return None if one.tokens.counted_by in {"", "chunks"} else one.tokens.counted_out


def _answered_with(one: Observation) -> int:
    counted = _exact(one)
    return (one.tokens.billed_out or 0) if counted is None else counted


def _pace_ms(one: Observation) -> float | None:
    """The mean gap of the tokens that were counted, else of those billed; of the single precision that is stored."""
    gap, counted, billed = one.token_gap_ms, _exact(one), one.tokens.billed_out
    if gap is None or one.distrust is not None or one.outcome not in ANSWERS:
        return None
    stored: float = unpack("f", pack("f", gap))[0]
    if counted is not None and billed is not None:
        stored = stored * (billed - 1) / (counted - 1) if counted > 1 else 0.0
    return stored if stored > 0 else None


def _groups(
    observations: Iterable[Observation],
    bucket: timedelta,
    key: Callable[[Observation], Any],
    sources: Sequence[Source] = (Source.ACTIVE,),
) -> Groups:
    groups: Groups = defaultdict(list)
    for one in observations:
        if one.attempt == 0 and one.source in sources:
            groups[floor(one.tick, bucket), *key(one)].append(one)
    return groups


def _asked(one: Observation) -> tuple[str, ...]:
    return one.provider, one.cluster, one.target, one.kind


def _connected(one: Observation) -> tuple[str, ...]:
    return one.provider, one.cluster, one.target, one.vantage, one.kind, one.instrument.connection.value


def _outcomes(several: Sequence[Observation]) -> tuple[int, ...]:
    """Ok, degraded, failed by the provider's fault, failed by another's, not observed."""
    ours = sum(one.blame is not Blame.PROVIDER and one.outcome is Outcome.FAILED for one in several)
    failed = _n(several, Outcome.FAILED) - ours
    return _n(several, Outcome.OK), _n(several, Outcome.DEGRADED), failed, ours, _n(several, Outcome.NOT_OBSERVED)


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
