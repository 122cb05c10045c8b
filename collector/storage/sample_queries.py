"""
The SQL of samples, of tokens counted and billed, and of decode speeds: what integrity checks stand on.

Only rows taken in before `at`, and of a sample that was taken in twice the first, so the same `at` gives the same rows
for ever. Parameters: a, b, at (ms since the epoch); provider, target ('' for all).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.judgement.integrity.token_arithmetic import SHORT_TOKENS
from collector.judgement.integrity.token_facts import DecodeSpeed, Side, TokenSums
from collector.storage.client import of_ms, to_ms
from collector.storage.fact_queries import known_before
from schemas.sample import KeptSample

SAMPLES_READ_MAX = 100_000
SPEEDS_OF_A_DAY_MAX = 500  # of one target and vantage
SPEEDS_READ_MAX = 100_000
SORT_BYTES_MAX = 256 << 20  # of memory; a month of ninety clusters every ten seconds is more, and goes through the disk

_PLACE = (
    "({provider:String} = '' OR provider = {provider:String}) AND ({target:String} = '' OR target = {target:String})"
)
_TICKS = "tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})"

# One more than asked for, so that it is known whether there were more.
SAMPLES = f"""
SELECT toUnixTimestamp64Milli(tick) AS ms, provider, cluster, target, vantage, name, sample, value, text
FROM {{database}}.integrity_samples FINAL
WHERE {_PLACE} AND name IN {{series:Array(String)}} AND {_TICKS} AND at < fromUnixTimestamp64Milli({{at:Int64}})
ORDER BY ms DESC, provider DESC, cluster DESC, target DESC, vantage DESC, name DESC, sample DESC, n DESC
LIMIT {{limit:UInt32}} + 1"""

# Complete answers of a model. A burst is many answers in one row: its bill is a sum.
_ANSWERS = f"""{{database}}.observations
WHERE {_PLACE} AND {_TICKS} AND {known_before("at")} AND attempt = 0 AND source = 'active'
  AND outcome IN ('ok', 'degraded') AND kind != 'burst'"""
_EXACT = "(counted_by NOT IN ('', 'chunks') AND counted_out IS NOT NULL)"
_ASKED = "mapContains(figures, 'asked_out')"
_COUNTED_IN = "mapContains(figures, 'counted_in')"
_STREAMED = "if(mapContains(figures, 'streamed'), figures['streamed'] != 0, 1)"


def _sums(side: Side, *, counted: str, known: str, billed: str, capped: str) -> str:
    """
    The sums of one side; *known*: the count is exact; *capped*: max_tokens is known, and is of this side.

    Short answers are apart: a hidden minimum shows in them alone.
    """
    both = f"{known} AND {billed} IS NOT NULL"
    x, y = f"toInt64(ifNull({counted}, 0))", f"toInt64(ifNull({billed}, 0))"
    return f"""
SELECT target, toDate(tick) AS day, vantage, kind, '{side}' AS side, {_STREAMED} AS streamed, count(),
       countIf({both}), sumIf({x}, {both}), sumIf({y}, {both}), sumIf({x} * {x}, {both}),
       sumIf({x} * {y}, {both}), sumIf({y} * {y}, {both}), countIf({billed} IS NULL),
       countIf({capped} AND {billed} IS NOT NULL), countIf({capped} AND {y} > toInt64(figures['asked_out']))
FROM {_ANSWERS} AND ({known} OR {_ASKED}) GROUP BY target, day, vantage, kind, streamed, {x} <= {SHORT_TOKENS}"""


_COMPLETION = _sums(Side.COMPLETION, counted="counted_out", known=_EXACT, billed="billed_out", capped=_ASKED)
_PROMPT = _sums(Side.PROMPT, counted="figures['counted_in']", known=_COUNTED_IN, billed="billed_in", capped="0")
TOKEN_SUMS = f"{_COMPLETION} UNION ALL {_PROMPT}"

# A few hundred of each day are enough, chosen by a hash, so that they are spread over it and are the same every time.
_TOKENS = f"if({_EXACT}, counted_out, billed_out)"
_CONTEXT = f"if({_COUNTED_IN}, ifNull(billed_in, toUInt32(figures['counted_in'])), billed_in)"
DECODE_SPEEDS = f"""
SELECT toUnixTimestamp64Milli(tick) AS ms, target, vantage, kind, {_TOKENS} AS tokens, last_token_ms,
       {_EXACT}, {_CONTEXT}
FROM {_ANSWERS} AND distrust = '' AND ifNull(last_token_ms, 0) > 0 AND ifNull(tokens, 0) > 1 AND {_STREAMED}
ORDER BY toDate(tick) DESC, sipHash64(target, vantage, kind, ms), ms, target, vantage, kind
LIMIT {SPEEDS_OF_A_DAY_MAX} BY target, vantage, toDate(tick)
LIMIT {SPEEDS_READ_MAX + 1}
SETTINGS max_bytes_before_external_sort = {SORT_BYTES_MAX}"""


@dataclass(frozen=True, slots=True)
class SampleWindow:
    """Samples in the order of their ticks; *cut*: there were more, and these are the newest."""

    samples: tuple[KeptSample, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class SpeedWindow:
    """Answers in the order of their ticks, at most SPEEDS_OF_A_DAY_MAX a day; *cut*: older days are missing."""

    speeds: tuple[DecodeSpeed, ...]
    cut: bool


def window_of(start: datetime, end: datetime, at: datetime, *, provider: str = "", target: str = "") -> dict[str, Any]:
    """The parameters of every query here: ticks in [start, end), as known before *at*."""
    return {"a": to_ms(start), "b": to_ms(end), "at": to_ms(at), "provider": provider, "target": target}


def samples_of(rows: Sequence[Sequence[Any]], limit: int) -> SampleWindow:
    """Rows of SAMPLES with *limit*."""
    found = [KeptSample(of_ms(ms), *rest) for ms, *rest in rows[:limit]]
    return SampleWindow(tuple(reversed(found)), cut=len(rows) > limit)


def sums_of(rows: Iterable[Sequence[Any]]) -> tuple[TokenSums, ...]:
    """Rows of TOKEN_SUMS, in the same order every time."""
    found = (
        TokenSums(target, day, vantage, kind, Side(side), bool(streamed), *(int(one) for one in numbers))
        for target, day, vantage, kind, side, streamed, *numbers in rows
    )
    return tuple(sorted(found))


def speeds_of(rows: Sequence[Sequence[Any]]) -> SpeedWindow:
    """Rows of DECODE_SPEEDS."""
    found = [
        DecodeSpeed(of_ms(ms), target, vantage, kind, tokens, last_ms, bool(exact), context)
        for ms, target, vantage, kind, tokens, last_ms, exact, context in rows[:SPEEDS_READ_MAX]
    ]
    return SpeedWindow(
        tuple(sorted(found, key=lambda one: (one.tick, one.target, one.vantage, one.kind))),
        cut=len(rows) > SPEEDS_READ_MAX,
    )
