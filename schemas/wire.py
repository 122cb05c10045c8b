"""
The one wire: how an observation is named as attributes of an OpenTelemetry span.

Span name: `<kind> <model>`; kind CLIENT; start and end are started_at and finished_at (ns since the epoch);
status ERROR when failed. `gen_ai.*` names follow the OpenTelemetry GenAI conventions (development status, hence
constants here and nowhere else); everything of ours lives under `touchstone.*`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

from schemas.errors import WireError
from schemas.observation import (
    DETAIL_CHARS_MAX,
    FIGURES_MAX,
    Connection,
    Distrust,
    Instrument,
    Observation,
    Outcome,
    Reason,
    Source,
    Stamp,
    Timings,
    Tokens,
)
from schemas.sample import SAMPLES_MAX, Sample

SCOPE_NAME = "touchstone.probes"
ATTR_BATCH = "touchstone.batch_id"
ATTR_SEQ = "touchstone.seq"
ATTR_AGENT_VERSION = "touchstone.agent.version"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The GenAI operation of a kind that is one request to a model; a burst is many at once, and has none.
OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "chat_stream": "chat",
        "completion_stream": "text_completion",
        "responses_stream": "chat",
        "messages_stream": "chat",
        "generate_stream": "text_completion",
        "triton_generate": "text_completion",
        "gemini_stream": "generate_content",
        "embedding": "embeddings",
        "tool_call": "chat",
        "json_mode": "chat",
        "golden_answer": "chat",
        "long_prompt": "chat",
        "identity_sample": "chat",
        "repeat_prompt": "chat",
        "echo_challenge": "chat",
        "border_input": "chat",
        "logprob_sample": "chat",
        "cache_timing": "chat",
        "place_timing": "chat",
    }
)
_ARRIVALS_MAX = 20_000
_TEXT_CHARS_MAX = 500
SAMPLE_ATTRIBUTES = tuple(f"touchstone.samples.{name}" for name in ("series", "items", "values", "texts"))

Value = str | bool | int | float | Sequence[float] | Sequence[str]
T = TypeVar("T")
W = TypeVar("W", bound=StrEnum)
_WORDS: Mapping[type[StrEnum], Mapping[str, Any]] = {
    kind: {word.value: word for word in kind} for kind in (Outcome, Reason, Distrust, Source, Connection, Stamp)
}


def to_ns(stamp: datetime) -> int:
    """Nanoseconds since the epoch, exact to the microsecond."""
    return (stamp - _EPOCH) // timedelta(microseconds=1) * 1000


def from_ns(nanoseconds: int) -> datetime:
    """The aware UTC stamp of *nanoseconds* since the epoch; raises WireError outside the years 1970 to 2200."""
    if not 0 <= nanoseconds < 7_258_118_400_000_000_000:
        raise WireError(f"time stamp out of range: {nanoseconds} ns")
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def to_attributes(observation: Observation) -> dict[str, Value]:
    """The attributes of an observation's span; absent (None, empty) fields are left out, arrivals past 20,000 too."""
    o, t, k, i = observation, observation.timings, observation.tokens, observation.instrument
    attributes: dict[str, Value | None] = {
        "touchstone.target": o.target,
        "touchstone.vantage": o.vantage,
        "touchstone.kind": o.kind,
        "touchstone.module": o.module,
        "touchstone.tick_ms": to_ns(o.tick) // 1_000_000,
        "touchstone.attempt": o.attempt,
        "touchstone.provider": o.provider,
        "touchstone.cluster": o.cluster,
        "touchstone.region": o.region or None,
        "touchstone.access_path": o.access_path,
        "touchstone.account": o.account or None,
        "touchstone.outcome": o.outcome.value,
        "error.type": o.reason.value if o.reason else None,
        "touchstone.detail": o.detail or None,
        "touchstone.connection": i.connection.value,
        "touchstone.stamp": i.stamp.value,
        "touchstone.reads": i.reads or None,
        "touchstone.merged_reads": i.merged_reads or None,
        "touchstone.clock_step_ms": i.clock_step_ms or None,
        "touchstone.late_ms": o.late_ms or None,
        "touchstone.loop_lag_ms": o.loop_lag_ms,
        "touchstone.streams_open": o.streams_open,
        "touchstone.distrust": o.distrust.value if o.distrust else None,
        "touchstone.source": o.source.value,
        "touchstone.span": o.span or None,
        "touchstone.figures.names": tuple(o.figures) or None,
        "touchstone.figures.values": tuple(o.figures.values()) or None,
        **_sample_columns(o.samples),
        "touchstone.simulated": o.simulated,
        ATTR_AGENT_VERSION: o.agent_version or None,
        "touchstone.bytes_in": o.bytes_in,
        "touchstone.answer_digest": o.answer_digest or None,
        "http.response.status_code": o.http_status,
        "gen_ai.operation.name": OPERATIONS.get(o.kind),
        "gen_ai.request.model": o.model or None,
        "gen_ai.response.id": o.server_request_id or None,
        "touchstone.finish_reason": o.finish_reason or None,
        "gen_ai.usage.input_tokens": k.billed_in,
        "gen_ai.usage.output_tokens": k.billed_out,
        "touchstone.tokens.counted_out": k.counted_out,
        "touchstone.tokens.counted_by": k.counted_by or None,
        "touchstone.tokens.chunks": k.chunks,
        "touchstone.dns_ms": t.dns_ms,
        "touchstone.connect_ms": t.connect_ms,
        "touchstone.tls_ms": t.tls_ms,
        "touchstone.sent_ms": t.sent_ms,
        "touchstone.first_byte_ms": t.first_byte_ms,
        "touchstone.reasoning_ms": t.reasoning_ms,
        "touchstone.first_token_ms": t.first_token_ms,
        "touchstone.last_token_ms": t.last_token_ms,
        "touchstone.stream_end_ms": t.stream_end_ms,
        "touchstone.total_ms": t.total_ms,
        "touchstone.arrivals_ms": t.arrivals_ms[:_ARRIVALS_MAX] or None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _sample_columns(samples: Sequence[Sample]) -> dict[str, Value | None]:
    """Each of SAMPLE_ATTRIBUTES as a list; text stands beside text, so that nothing is parsed."""
    if not samples:
        return {}
    columns = zip(*((one.series, one.item, one.value, one.text) for one in samples), strict=True)
    return dict(zip(SAMPLE_ATTRIBUTES, columns, strict=True))


def from_attributes(attributes: Mapping[str, object], *, start_ns: int, end_ns: int) -> Observation:
    """The observation that `to_attributes` described; raises WireError naming the attribute that is wrong."""
    read = _Reader(attributes)
    reason = read.optional("error.type", str)
    try:
        return Observation(
            target=read.text("touchstone.target"),
            vantage=read.text("touchstone.vantage"),
            kind=read.text("touchstone.kind"),
            module=read.text("touchstone.module"),
            tick=read.stamp("touchstone.tick_ms"),
            attempt=read.count("touchstone.attempt"),
            provider=read.text("touchstone.provider"),
            cluster=read.text("touchstone.cluster"),
            region=read.text_or("touchstone.region"),
            access_path=read.text_or("touchstone.access_path", "direct"),
            account=read.text_or("touchstone.account"),
            started_at=from_ns(start_ns),
            finished_at=from_ns(end_ns),
            outcome=read.word("touchstone.outcome", Outcome),
            reason=read.word("error.type", Reason) if reason is not None else None,
            detail=read.text_or("touchstone.detail")[:DETAIL_CHARS_MAX],
            late_ms=read.number("touchstone.late_ms") or 0.0,
            loop_lag_ms=read.number("touchstone.loop_lag_ms") or 0.0,
            streams_open=read.count("touchstone.streams_open", 1),
            distrust=read.word("touchstone.distrust", Distrust) if "touchstone.distrust" in attributes else None,
            span=read.text_or("touchstone.span"),
            figures=read.figures("touchstone.figures"),
            samples=read.samples("touchstone.samples"),
            source=read.word("touchstone.source", Source, Source.ACTIVE),
            simulated=read.optional("touchstone.simulated", bool) or False,
            agent_version=read.text_or(ATTR_AGENT_VERSION),
            bytes_in=read.count("touchstone.bytes_in", 0),
            answer_digest=read.text_or("touchstone.answer_digest"),
            http_status=read.optional_count("http.response.status_code", maximum=999),
            model=read.text_or("gen_ai.request.model"),
            server_request_id=read.text_or("gen_ai.response.id"),
            finish_reason=read.text_or("touchstone.finish_reason"),
            instrument=Instrument(
                connection=read.word("touchstone.connection", Connection, Connection.COLD),
                stamp=read.word("touchstone.stamp", Stamp, Stamp.USER),
                reads=read.optional_count("touchstone.reads") or 0,
                merged_reads=read.optional_count("touchstone.merged_reads") or 0,
                clock_step_ms=read.number("touchstone.clock_step_ms") or 0.0,
            ),
            tokens=Tokens(
                billed_in=read.optional_count("gen_ai.usage.input_tokens"),
                billed_out=read.optional_count("gen_ai.usage.output_tokens"),
                counted_out=read.optional_count("touchstone.tokens.counted_out"),
                counted_by=read.text_or("touchstone.tokens.counted_by"),
                chunks=read.optional_count("touchstone.tokens.chunks") or 0,
            ),
            timings=Timings(
                dns_ms=read.number("touchstone.dns_ms"),
                connect_ms=read.number("touchstone.connect_ms"),
                tls_ms=read.number("touchstone.tls_ms"),
                sent_ms=read.number("touchstone.sent_ms"),
                first_byte_ms=read.number("touchstone.first_byte_ms"),
                reasoning_ms=read.number("touchstone.reasoning_ms"),
                first_token_ms=read.number("touchstone.first_token_ms"),
                last_token_ms=read.number("touchstone.last_token_ms"),
                stream_end_ms=read.number("touchstone.stream_end_ms"),
                total_ms=read.number("touchstone.total_ms"),
                arrivals_ms=read.numbers("touchstone.arrivals_ms"),
            ),
        )
    except ValueError as error:
        raise WireError(str(error)) from error


class _Reader:
    """Typed reads of an attribute mapping; every failure is a WireError that names the attribute."""

    def __init__(self, attributes: Mapping[str, object]) -> None:
        self._attributes = attributes

    def optional(self, name: str, kind: type[T]) -> T | None:
        value = self._attributes.get(name)
        if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
            return value
        raise WireError(f"attribute {name}: expected {kind.__name__}, found {type(value).__name__}")

    def text(self, name: str) -> str:
        value = self.optional(name, str)
        if not value:
            raise WireError(f"attribute {name}: missing")
        if len(value) > _TEXT_CHARS_MAX:
            raise WireError(f"attribute {name}: longer than {_TEXT_CHARS_MAX} characters")
        return value

    def text_or(self, name: str, default: str = "") -> str:
        if self._attributes.get(name) is None:
            return default
        value = self.optional(name, str)
        return default if value is None else value[:_TEXT_CHARS_MAX]

    def count(self, name: str, default: int | None = None) -> int:
        value = self.optional_count(name, maximum=2**62)
        if value is None:
            if default is None:
                raise WireError(f"attribute {name}: missing")
            return default
        return value

    def stamp(self, name: str) -> datetime:
        at_ms = self.count(name)
        try:
            return from_ns(at_ms * 1_000_000)
        except WireError as error:
            raise WireError(f"attribute {name}: {error}") from None

    def optional_count(self, name: str, *, maximum: int = 2**32 - 1) -> int | None:
        if self._attributes.get(name) is None:
            return None
        value = self.optional(name, int)
        if value is not None and not 0 <= value <= maximum:
            raise WireError(f"attribute {name}: {value} is outside 0..{maximum}")
        return value

    def number(self, name: str) -> float | None:
        value = self._attributes.get(name)
        if value is None:
            return None
        return self._finite(name, value)

    def numbers(self, name: str) -> tuple[float, ...]:
        values = self._attributes.get(name)
        if values is None:
            return ()
        if not isinstance(values, list | tuple) or len(values) > _ARRIVALS_MAX:
            raise WireError(f"attribute {name}: expected at most {_ARRIVALS_MAX} numbers")
        plain = bool(values) and set(map(type, values)) == {float}
        if plain and isfinite(sum(values)) and min(values) > -1e12 and max(values) < 1e12:  # all at once
            return tuple(values)
        return tuple(self._finite(name, value) for value in values)

    def figures(self, prefix: str) -> dict[str, float]:
        names, values = self._attributes.get(f"{prefix}.names") or (), self.numbers(f"{prefix}.values")
        if not isinstance(names, list | tuple) or len(names) > FIGURES_MAX or len(names) != len(values):
            raise WireError(f"attribute {prefix}.names: expected at most {FIGURES_MAX} names, one for each value")
        if not all(isinstance(name, str) and 0 < len(name) <= _TEXT_CHARS_MAX for name in names):
            raise WireError(f"attribute {prefix}.names: a name is no text, empty or too long")
        return dict(zip(names, values, strict=True))

    def samples(self, prefix: str) -> tuple[Sample, ...]:
        columns = [self.texts(f"{prefix}.{name}") for name in ("series", "items", "texts")]
        values = self.numbers(f"{prefix}.values")
        for name, column in zip(("series", "items", "texts"), columns, strict=True):
            if len(column) != len(values):
                raise WireError(f"attribute {prefix}.{name}: {len(column)} of them for {len(values)} values")
        series, items, texts = columns
        if len(series) > SAMPLES_MAX:
            raise WireError(f"attribute {prefix}.series: {len(series)} samples; at most {SAMPLES_MAX}")
        try:
            return tuple(Sample(*row) for row in zip(series, items, values, texts, strict=True))
        except ValueError as error:
            raise WireError(f"attribute {prefix}.series: {error}") from error

    def texts(self, name: str) -> Sequence[str]:
        values = self._attributes.get(name)
        if values is None:
            return ()
        if not isinstance(values, list | tuple) or not all(isinstance(one, str) for one in values):
            raise WireError(f"attribute {name}: expected texts")
        return values

    def word(self, name: str, kind: type[W], default: W | None = None) -> W:
        value = self.optional(name, str)
        if value is None:
            if default is None:
                raise WireError(f"attribute {name}: missing")
            return default
        word: W | None = _WORDS[kind].get(value)
        if word is None:
            raise WireError(f"attribute {name}: {value[:40]!r} is not a known {kind.__name__.lower()}")
        return word

    @staticmethod
    def _finite(name: str, value: object) -> float:
        if type(value) is float and -1e12 < value < 1e12:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:
            raise WireError(f"attribute {name}: not a finite number")
        return float(value)
