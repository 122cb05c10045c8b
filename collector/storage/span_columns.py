"""
Our spans as the OpenTelemetry Collector's exporter flattens them, read back in SQL: an expression for each column of
`observations`, and what a row must satisfy. The same as `schemas/wire.py` and `rows.py` say in Python.

In `SpanAttributes` every value is text: booleans `true`/`false`, numbers in decimal, arrays as JSON. What is here must
never throw, because it runs inside the exporter's insert; what cannot be read is left out by VALID.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from schemas.observation import (
    ATTEMPT_MAX,
    DETAIL_CHARS_MAX,
    FIGURES_MAX,
    OBSERVER_REASONS,
    Connection,
    Distrust,
    Outcome,
    Reason,
    Source,
    Stamp,
)
from schemas.sample import NAME_CHARS_MAX, SAMPLES_MAX
from schemas.sample import TEXT_CHARS_MAX as SAMPLE_TEXT_CHARS_MAX
from schemas.wire import ATTR_AGENT_VERSION, ATTR_BATCH, ATTR_SEQ

TEXT_CHARS_MAX = 500
ARRIVALS_MAX = 20_000
TICK_MS_MAX = 7_258_118_399_999  # the end of the year 2199
COUNT_MAX = 2**32 - 1
NUMBER_MAX = "1e12"
AGE_MAX_DAYS, AHEAD_MAX_DAYS = 180, 1  # as ingest has them
ATTRIBUTES_MAX = 256


def _at(name: str) -> str:
    return f"SpanAttributes['{name}']"


def _has(name: str) -> str:
    return f"mapContains(SpanAttributes, '{name}')"


def _text(name: str, default: str = "", chars: int = TEXT_CHARS_MAX) -> str:
    cut = f"leftUTF8({_at(name)}, {chars})"
    return f"if({_has(name)}, {cut}, '{default}')" if default else cut


def _number(name: str) -> str:
    """Nullable(Float64); JSON's numbers, so neither `nan` nor `inf`."""
    return f"JSONExtract({_at(name)}, 'Nullable(Float64)')"


def numbers(name: str) -> str:
    """Array(Float64); empty for what is no array of numbers."""
    return f"JSONExtract({_at(name)}, 'Array(Float64)')"


def samples_of(name: str) -> str:
    """Array(String): a list of the samples."""
    return f"JSONExtract({_at(f'touchstone.samples.{name}')}, 'Array(String)')"


def _count(name: str) -> str:
    return f"toUInt64OrNull({_at(name)})"


def _ms(name: str) -> str:
    return f"CAST({_number(name)}, 'Nullable(Float32)')"


def _known(name: str) -> str:
    return f"CAST({_count(name)}, 'Nullable(UInt32)')"


def _float(name: str) -> str:
    return f"toFloat32(ifNull({_number(name)}, 0))"


def _words(words: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in sorted(words)) + ")"


_ARRIVALS = numbers("touchstone.arrivals_ms")
_GAPS = f"arrayMap((a, b) -> b - a, arrayPopBack({_ARRIVALS}), arrayPopFront({_ARRIVALS}))"
_SEVERAL = f"length({_ARRIVALS}) > 1"
_FIRST, _LAST = _number("touchstone.first_token_ms"), _number("touchstone.last_token_ms")
_REASONED = _number("touchstone.reasoning_ms")
_BEGAN = f"if(isNull({_REASONED}), {_FIRST}, if({_REASONED} < {_FIRST}, {_REASONED}, {_FIRST}))"
_EXACT = f"{_at('touchstone.tokens.counted_by')} NOT IN ('', 'chunks')"
_OUT = (
    f"toInt64(ifNull({_count('gen_ai.usage.output_tokens')}, "
    f"if({_EXACT}, {_count('touchstone.tokens.counted_out')}, NULL)))"
)
_NAMES, _VALUES = (
    "JSONExtract(SpanAttributes['touchstone.figures.names'], 'Array(String)')",
    numbers("touchstone.figures.values"),
)

_END = "fromUnixTimestamp64Nano(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration), 'UTC')"

TICK = f"fromUnixTimestamp64Milli(toInt64(least(toUInt64OrZero({_at('touchstone.tick_ms')}), {TICK_MS_MAX})), 'UTC')"

EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {
        "tick": "Tick",
        "provider": _text("touchstone.provider"),
        "cluster": _text("touchstone.cluster"),
        "target": _text("touchstone.target"),
        "region": _text("touchstone.region"),
        "model": _text("gen_ai.request.model"),
        "vantage": _text("touchstone.vantage"),
        "kind": _text("touchstone.kind"),
        "module": _text("touchstone.module"),
        "attempt": f"toUInt8(ifNull({_count('touchstone.attempt')}, 0))",
        "access_path": _text("touchstone.access_path", "direct"),
        "started_at": "toDateTime64(Timestamp, 3, 'UTC')",
        "finished_at": f"toDateTime64({_END}, 3, 'UTC')",
        "outcome": _at("touchstone.outcome"),
        "reason": _at("error.type"),
        "detail": _text("touchstone.detail", chars=DETAIL_CHARS_MAX),
        "http_status": f"toUInt16(ifNull({_count('http.response.status_code')}, 0))",
        "connection": _text("touchstone.connection", Connection.COLD.value),
        "dns_ms": _ms("touchstone.dns_ms"),
        "connect_ms": _ms("touchstone.connect_ms"),
        "tls_ms": _ms("touchstone.tls_ms"),
        "sent_ms": _ms("touchstone.sent_ms"),
        "first_byte_ms": _ms("touchstone.first_byte_ms"),
        "first_token_ms": _ms("touchstone.first_token_ms"),
        "last_token_ms": _ms("touchstone.last_token_ms"),
        "total_ms": _ms("touchstone.total_ms"),
        "gap_max_ms": f"CAST(if({_SEVERAL}, arrayMax({_GAPS}), NULL), 'Nullable(Float32)')",
        "arrivals_ms": f"CAST({_ARRIVALS}, 'Array(Float32)')",
        "billed_in": _known("gen_ai.usage.input_tokens"),
        "billed_out": _known("gen_ai.usage.output_tokens"),
        "counted_out": _known("touchstone.tokens.counted_out"),
        "counted_by": _text("touchstone.tokens.counted_by"),
        "chunks": f"toUInt32(ifNull({_count('touchstone.tokens.chunks')}, 0))",
        "bytes_in": f"toUInt32(least(ifNull({_count('touchstone.bytes_in')}, 0), {COUNT_MAX}))",
        "finish_reason": _text("touchstone.finish_reason"),
        "answer_digest": _text("touchstone.answer_digest"),
        "server_request_id": _text("gen_ai.response.id"),
        "stamp": _text("touchstone.stamp", Stamp.USER.value),
        "loop_lag_ms": _float("touchstone.loop_lag_ms"),
        "streams_open": f"toUInt16(least(ifNull({_count('touchstone.streams_open')}, 1), 65535))",
        "source": _text("touchstone.source", Source.ACTIVE.value),
        "simulated": f"{_at('touchstone.simulated')} = 'true'",
        "agent_version": _text(ATTR_AGENT_VERSION),
        "reasoning_ms": _ms("touchstone.reasoning_ms"),
        "stream_end_ms": _ms("touchstone.stream_end_ms"),
        "chunk_gap_ms": f"CAST(if({_SEVERAL}, ({_ARRIVALS}[-1] - {_ARRIVALS}[1]) / (length({_ARRIVALS}) - 1), NULL), "
        "'Nullable(Float32)')",
        "token_gap_ms": f"CAST(if({_SEVERAL} AND ifNull({_OUT}, 0) > 1, ({_LAST} - {_BEGAN}) / ({_OUT} - 1), NULL), "
        "'Nullable(Float32)')",
        "reads": f"toUInt32(ifNull({_count('touchstone.reads')}, 0))",
        "merged_reads": f"toUInt32(ifNull({_count('touchstone.merged_reads')}, 0))",
        "clock_step_ms": _float("touchstone.clock_step_ms"),
        "late_ms": _float("touchstone.late_ms"),
        "distrust": _at("touchstone.distrust"),
        "figures": f"mapFromArrays({_NAMES}, arrayResize({_VALUES}, length({_NAMES})))",
        "span": _text("touchstone.span"),
        "account": _text("touchstone.account"),
        "batch_id": f"ifNull({_count(ATTR_BATCH)}, 0)",
        "seq": f"toUInt32(ifNull({_count(ATTR_SEQ)}, 0) % 4294967296)",
        "ingested_at": "now64(3, 'UTC')",
    }
)

_REQUIRED = ("target", "vantage", "kind", "module", "provider", "cluster")
_NUMBERS = (
    *(f"touchstone.{name}_ms" for name in ("dns", "connect", "tls", "sent", "first_byte", "reasoning", "first_token")),
    *(f"touchstone.{name}_ms" for name in ("last_token", "stream_end", "total", "late", "loop_lag", "clock_step")),
)
_COUNTS: Mapping[str, int] = MappingProxyType(
    {
        "touchstone.bytes_in": 2**62,
        "touchstone.streams_open": 2**62,
        "touchstone.reads": COUNT_MAX,
        "touchstone.merged_reads": COUNT_MAX,
        "touchstone.tokens.counted_out": COUNT_MAX,
        "touchstone.tokens.chunks": COUNT_MAX,
        "gen_ai.usage.input_tokens": COUNT_MAX,
        "gen_ai.usage.output_tokens": COUNT_MAX,
        "http.response.status_code": 999,
        ATTR_BATCH: 2**64 - 1,
        ATTR_SEQ: 2**63 - 1,
    }
)
_OPTIONAL_WORDS: Mapping[str, Iterable[str]] = MappingProxyType(
    {
        "error.type": Reason,
        "touchstone.connection": Connection,
        "touchstone.stamp": Stamp,
        "touchstone.distrust": Distrust,
        "touchstone.source": Source,
        "touchstone.simulated": ("true", "false"),
    }
)


def _conditions() -> Iterable[str]:
    for name in _REQUIRED:
        yield f"lengthUTF8({_at(f'touchstone.{name}')}) BETWEEN 1 AND {TEXT_CHARS_MAX}"
    yield f"ifNull({_count('touchstone.tick_ms')} <= {TICK_MS_MAX}, 0)"
    yield f"ifNull({_count('touchstone.attempt')} <= {ATTEMPT_MAX}, 0)"
    yield f"{_at('touchstone.outcome')} IN {_words(Outcome)}"
    for name, words in _OPTIONAL_WORDS.items():
        yield f"(NOT {_has(name)} OR {_at(name)} IN {_words(words)})"
    yield f"({_at('touchstone.outcome')} = 'ok') = ({_at('error.type')} = '')"
    yield f"({_at('touchstone.outcome')} = 'not_observed') = ({_at('error.type')} IN {_words(OBSERVER_REASONS)})"
    yield f"({_at('touchstone.source')} = 'passive') = ({_at('touchstone.span')} != '')"
    for name in _NUMBERS:
        yield f"(NOT {_has(name)} OR ifNull(abs({_number(name)}) < {NUMBER_MAX}, 0))"
    for name, most in _COUNTS.items():
        yield f"(NOT {_has(name)} OR ifNull({_count(name)} <= {most}, 0))"
    for numbers, most in ((_ARRIVALS, ARRIVALS_MAX), (_VALUES, FIGURES_MAX)):
        yield f"length({numbers}) <= {most} AND arrayAll(x -> abs(x) < {NUMBER_MAX}, {numbers})"
    yield f"(NOT {_has('touchstone.arrivals_ms')} OR length({_ARRIVALS}) > 0)"
    yield f"length({_NAMES}) = length({_VALUES})"
    yield f"arrayAll(x -> lengthUTF8(x) BETWEEN 1 AND {TEXT_CHARS_MAX}, {_NAMES})"
    yield from _sample_conditions()
    for stamp in ("Tick", "Timestamp", _END):
        yield f"{stamp} BETWEEN now() - INTERVAL {AGE_MAX_DAYS} DAY AND now() + INTERVAL {AHEAD_MAX_DAYS} DAY"
    for attributes in ("SpanAttributes", "ResourceAttributes"):
        yield f"length({attributes}) <= {ATTRIBUTES_MAX}"


def _sample_conditions() -> Iterable[str]:
    """As wire.py reads samples: lists of one length, texts that are texts, values that are numbers, none too long."""
    values = "JSONExtractArrayRaw(SpanAttributes['touchstone.samples.values'])"
    bounds = {"series": (1, NAME_CHARS_MAX), "items": (0, NAME_CHARS_MAX), "texts": (0, SAMPLE_TEXT_CHARS_MAX)}
    for name, (low, high) in bounds.items():
        attribute = f"touchstone.samples.{name}"
        raw = f"JSONExtractArrayRaw({_at(attribute)})"
        yield f"(NOT {_has(attribute)} OR JSONType({_at(attribute)}) = 'Array')"
        yield f"length({raw}) = length({values}) AND arrayAll(x -> startsWith(x, '\"'), {raw})"
        yield f"arrayAll(x -> lengthUTF8(x) BETWEEN {low} AND {high}, {samples_of(name)})"
    yield f"length({values}) <= {SAMPLES_MAX} AND arrayAll(x -> match(x, '^-?[0-9]'), {values})"
    yield f"arrayAll(x -> abs(x) < {NUMBER_MAX}, {numbers('touchstone.samples.values')})"


VALID = "\n  AND ".join(_conditions())
OURS = "arrayExists(name -> startsWith(name, 'touchstone.') AND name != 'touchstone.target', mapKeys(SpanAttributes))"
