"""
What the value of each attribute of an observation's span must be: a check by name, and what it comes to.

A check gives the value as the observation holds it, or raises a WireError that names the attribute. An attribute
without a value (None) is an absent one, and is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

from schemas.errors import WireError
from schemas.nanoseconds import from_ns
from schemas.observation import (
    DETAIL_CHARS_MAX,
    FIGURES_MAX,
    Connection,
    Distrust,
    Outcome,
    Reason,
    Source,
    Stamp,
)

T = TypeVar("T")
Check = Callable[[str, object], Any]

ARRIVALS_MAX = 20_000
TEXT_CHARS_MAX = 500
NUMBER_LIMIT = 1e12


def _text(name: str, value: object) -> str:
    """A text that is there."""
    text = _of_kind(str, name, value)
    if not text:
        raise WireError(f"attribute {name}: missing")
    if len(text) > TEXT_CHARS_MAX:
        raise WireError(f"attribute {name}: longer than {TEXT_CHARS_MAX} characters")
    return text


def _cut(name: str, value: object, chars: int = TEXT_CHARS_MAX) -> str:
    """The first *chars* characters of a text."""
    return _of_kind(str, name, value)[:chars]


def _truth(name: str, value: object) -> bool:
    return _of_kind(bool, name, value)


def _count(name: str, value: object, maximum: int = 2**32 - 1) -> int:
    number = _of_kind(int, name, value)
    if not 0 <= number <= maximum:
        raise WireError(f"attribute {name}: {number} is outside 0..{maximum}")
    return number


def _stamp(name: str, value: object) -> datetime:
    at_ms = _count(name, value, 2**62)
    try:
        return from_ns(at_ms * 1_000_000)
    except WireError as error:
        raise WireError(f"attribute {name}: {error}") from None


def number(name: str, value: object) -> float:
    """A finite number."""
    if type(value) is float and -NUMBER_LIMIT < value < NUMBER_LIMIT:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not -NUMBER_LIMIT < value < NUMBER_LIMIT:
        raise WireError(f"attribute {name}: not a finite number")
    return float(value)


def _numbers(name: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) > ARRIVALS_MAX:
        raise WireError(f"attribute {name}: expected at most {ARRIVALS_MAX} numbers")
    if set(map(type, value)) == {float}:
        return _all_finite(name, tuple(value))
    return tuple([number(name, one) for one in value])


def _all_finite(name: str, values: tuple[float, ...]) -> tuple[float, ...]:
    """Finite numbers, of which all that are wrong is found at once."""
    if values and not (isfinite(sum(values)) and min(values) > -NUMBER_LIMIT and max(values) < NUMBER_LIMIT):
        raise WireError(f"attribute {name}: not a finite number")
    return values


def _figure_names(name: str, value: object) -> Sequence[str]:
    names = value or ()
    if not isinstance(names, list | tuple) or len(names) > FIGURES_MAX:
        raise WireError(f"attribute {name}: expected at most {FIGURES_MAX} names, one for each value")
    if not all(isinstance(one, str) and 0 < len(one) <= TEXT_CHARS_MAX for one in names):
        raise WireError(f"attribute {name}: a name is no text, empty or too long")
    return names


def _texts(name: str, value: object) -> Sequence[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise WireError(f"attribute {name}: expected texts")
    return value


def _word_of(kind: type[StrEnum]) -> Check:
    words = {word.value: word for word in kind}

    def check(name: str, value: object) -> StrEnum:
        text = _of_kind(str, name, value)
        word = words.get(text)
        if word is None:
            raise WireError(f"attribute {name}: {text[:40]!r} is not a known {kind.__name__.lower()}")
        return word

    return check


def _of_kind(kind: type[T], name: str, value: object) -> T:
    if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise WireError(f"attribute {name}: expected {kind.__name__}, found {type(value).__name__}")


_LARGE = partial(_count, maximum=2**62)

CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "touchstone.target": _text,
        "touchstone.vantage": _text,
        "touchstone.kind": _text,
        "touchstone.module": _text,
        "touchstone.tick_ms": _stamp,
        "touchstone.attempt": _LARGE,
        "touchstone.provider": _text,
        "touchstone.cluster": _text,
        "touchstone.region": _cut,
        "touchstone.access_path": _cut,
        "touchstone.account": _cut,
        "touchstone.outcome": _word_of(Outcome),
        "error.type": _word_of(Reason),
        "touchstone.detail": partial(_cut, chars=DETAIL_CHARS_MAX),
        "touchstone.late_ms": number,
        "touchstone.loop_lag_ms": number,
        "touchstone.streams_open": _LARGE,
        "touchstone.distrust": _word_of(Distrust),
        "touchstone.span": _cut,
        "touchstone.figures.names": _figure_names,
        "touchstone.figures.values": _numbers,
        "touchstone.samples.series": _texts,
        "touchstone.samples.items": _texts,
        "touchstone.samples.texts": _texts,
        "touchstone.samples.values": _numbers,
        "touchstone.source": _word_of(Source),
        "touchstone.simulated": _truth,
        "touchstone.agent.version": _cut,
        "touchstone.bytes_in": _LARGE,
        "touchstone.answer_digest": _cut,
        "http.response.status_code": partial(_count, maximum=999),
        "gen_ai.request.model": _cut,
        "gen_ai.response.id": _cut,
        "touchstone.finish_reason": _cut,
        "touchstone.connection": _word_of(Connection),
        "touchstone.stamp": _word_of(Stamp),
        "touchstone.reads": _count,
        "touchstone.merged_reads": _count,
        "touchstone.clock_step_ms": number,
        "gen_ai.usage.input_tokens": _count,
        "gen_ai.usage.output_tokens": _count,
        "touchstone.tokens.counted_out": _count,
        "touchstone.tokens.counted_by": _cut,
        "touchstone.tokens.chunks": _count,
        "touchstone.dns_ms": number,
        "touchstone.connect_ms": number,
        "touchstone.tls_ms": number,
        "touchstone.sent_ms": number,
        "touchstone.first_byte_ms": number,
        "touchstone.reasoning_ms": number,
        "touchstone.first_token_ms": number,
        "touchstone.last_token_ms": number,
        "touchstone.stream_end_ms": number,
        "touchstone.total_ms": number,
        "touchstone.arrivals_ms": _numbers,
    }
)
