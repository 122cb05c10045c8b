"""
The one wire: how an observation is named as attributes of an OpenTelemetry span.

Span name: `<kind> <model>`; kind CLIENT; start and end are started_at and finished_at (ns since the epoch);
status ERROR when failed. `gen_ai.*` names follow the OpenTelemetry GenAI conventions (development status, hence
constants here and nowhere else); everything of ours lives under `touchstone.*`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from schemas.attribute_checks import ARRIVALS_MAX, CHECKS
from schemas.errors import WireError
from schemas.nanoseconds import from_ns, to_ns
from schemas.observation import FIGURES_MAX, Connection, Instrument, Observation, Source, Stamp, Timings, Tokens
from schemas.sample import SAMPLES_MAX, Sample

SCOPE_NAME = "touchstone.probes"
ATTR_BATCH = "touchstone.batch_id"
ATTR_SEQ = "touchstone.seq"
ATTR_AGENT_VERSION = "touchstone.agent.version"

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
SAMPLE_ATTRIBUTES = tuple(f"touchstone.samples.{name}" for name in ("series", "items", "values", "texts"))

Value = str | bool | int | float | Sequence[float] | Sequence[str]
_SAMPLED = frozenset(SAMPLE_ATTRIBUTES)


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
        "touchstone.arrivals_ms": t.arrivals_ms[:ARRIVALS_MAX] or None,
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
    found = ((name, check, attributes.get(name)) for name, check in CHECKS.items())
    checked = {name: check(name, value) for name, check, value in found if value is not None}
    return assembled(checked, start_ns=start_ns, end_ns=end_ns)


def place_in_batch(attributes: Mapping[str, object]) -> tuple[int, int]:
    """The batch of an observation and its number there, 0 where neither is said; raises WireError for what is none."""
    return _below(2**64, ATTR_BATCH, attributes), _below(2**63, ATTR_SEQ, attributes)


def _below(limit: int, name: str, attributes: Mapping[str, object]) -> int:
    value = attributes.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise WireError(f"attribute {name}: not a whole number below {limit}")
    return value


def assembled(checked: Mapping[str, Any], *, start_ns: int, end_ns: int) -> Observation:
    """The observation of attributes that have passed their CHECKS; raises WireError when they are none together."""
    get = checked.get
    try:
        return Observation(
            target=checked["touchstone.target"],
            vantage=checked["touchstone.vantage"],
            kind=checked["touchstone.kind"],
            module=checked["touchstone.module"],
            tick=checked["touchstone.tick_ms"],
            attempt=checked["touchstone.attempt"],
            provider=checked["touchstone.provider"],
            cluster=checked["touchstone.cluster"],
            region=get("touchstone.region", ""),
            access_path=get("touchstone.access_path", "direct"),
            account=get("touchstone.account", ""),
            started_at=from_ns(start_ns),
            finished_at=from_ns(end_ns),
            outcome=checked["touchstone.outcome"],
            reason=get("error.type"),
            detail=get("touchstone.detail", ""),
            late_ms=get("touchstone.late_ms", 0.0),
            loop_lag_ms=get("touchstone.loop_lag_ms", 0.0),
            streams_open=get("touchstone.streams_open", 1),
            distrust=get("touchstone.distrust"),
            span=get("touchstone.span", ""),
            figures=_figures(get("touchstone.figures.names", ()), get("touchstone.figures.values", ())),
            samples=_samples(*(get(name, ()) for name in SAMPLE_ATTRIBUTES)) if _SAMPLED & checked.keys() else (),
            source=get("touchstone.source", Source.ACTIVE),
            simulated=get("touchstone.simulated", False),
            agent_version=get(ATTR_AGENT_VERSION, ""),
            bytes_in=get("touchstone.bytes_in", 0),
            answer_digest=get("touchstone.answer_digest", ""),
            http_status=get("http.response.status_code"),
            model=get("gen_ai.request.model", ""),
            server_request_id=get("gen_ai.response.id", ""),
            finish_reason=get("touchstone.finish_reason", ""),
            instrument=Instrument(
                connection=get("touchstone.connection", Connection.COLD),
                stamp=get("touchstone.stamp", Stamp.USER),
                reads=get("touchstone.reads", 0),
                merged_reads=get("touchstone.merged_reads", 0),
                clock_step_ms=get("touchstone.clock_step_ms", 0.0),
            ),
            tokens=Tokens(
                billed_in=get("gen_ai.usage.input_tokens"),
                billed_out=get("gen_ai.usage.output_tokens"),
                counted_out=get("touchstone.tokens.counted_out"),
                counted_by=get("touchstone.tokens.counted_by", ""),
                chunks=get("touchstone.tokens.chunks", 0),
            ),
            timings=Timings(
                dns_ms=get("touchstone.dns_ms"),
                connect_ms=get("touchstone.connect_ms"),
                tls_ms=get("touchstone.tls_ms"),
                sent_ms=get("touchstone.sent_ms"),
                first_byte_ms=get("touchstone.first_byte_ms"),
                reasoning_ms=get("touchstone.reasoning_ms"),
                first_token_ms=get("touchstone.first_token_ms"),
                last_token_ms=get("touchstone.last_token_ms"),
                stream_end_ms=get("touchstone.stream_end_ms"),
                total_ms=get("touchstone.total_ms"),
                arrivals_ms=get("touchstone.arrivals_ms", ()),
            ),
        )
    except KeyError as error:
        raise WireError(f"attribute {error.args[0]}: missing") from None
    except ValueError as error:
        raise WireError(str(error)) from error


def _figures(names: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    if len(names) != len(values):
        raise WireError(f"attribute touchstone.figures.names: expected at most {FIGURES_MAX} names, one for each value")
    return dict(zip(names, values, strict=True))


def _samples(
    series: Sequence[str], items: Sequence[str], values: Sequence[float], texts: Sequence[str]
) -> tuple[Sample, ...]:
    for name, column in (("series", series), ("items", items), ("texts", texts)):
        if len(column) != len(values):
            raise WireError(f"attribute touchstone.samples.{name}: {len(column)} of them for {len(values)} values")
    if len(series) > SAMPLES_MAX:
        raise WireError(f"attribute touchstone.samples.series: {len(series)} samples; at most {SAMPLES_MAX}")
    try:
        return tuple([Sample(*row) for row in zip(series, items, values, texts, strict=True)])
    except ValueError as error:
        raise WireError(f"attribute touchstone.samples.series: {error}") from error
