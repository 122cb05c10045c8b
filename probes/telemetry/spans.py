"""An observation as a span for any OpenTelemetry backend: our wire's span, with what the conventions ask beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from probes.span_bytes import span_name
from probes.telemetry import conventions
from probes.telemetry.conventions import Addresses
from schemas.nanoseconds import to_ns
from schemas.observation import Observation, Outcome
from schemas.wire import SCOPE_NAME, to_attributes

_SCOPE = InstrumentationScope(SCOPE_NAME)


def encoded_spans(observations: Iterable[Observation], resource: Resource, addresses: Addresses) -> bytes:
    """The OTLP trace request of *observations*."""
    body: bytes = encode_spans(
        [conventional_span(one, resource, addresses) for one in observations]
    ).SerializeToString()
    return body


def conventional_span(observation: Observation, resource: Resource, addresses: Addresses) -> ReadableSpan:
    """The span of *observation*; its trace and span id derive from its identity, so a repeated one is the same."""
    identity = observation.id.int
    operation = conventions.operation_of(observation)
    more = {} if operation is None else conventions.request_attributes(observation, operation, addresses)
    first_s = conventions.first_chunk_s(observation)
    if operation is not None and first_s is not None:
        more |= {conventions.REQUEST_STREAM: True, conventions.TIME_TO_FIRST_CHUNK: first_s}
    if operation is not None and observation.finish_reason:
        more |= {conventions.FINISH_REASONS: (observation.finish_reason,)}
    failed = observation.outcome is Outcome.FAILED
    return ReadableSpan(
        name=span_name(observation),
        context=SpanContext(identity, identity & (2**64 - 1) or 1, is_remote=False, trace_flags=TraceFlags(1)),
        kind=SpanKind.CLIENT,
        attributes={**to_attributes(replace(observation, samples=())), **more},  # answers go to our own store alone
        start_time=to_ns(observation.started_at),
        end_time=to_ns(observation.finished_at),
        resource=resource,
        instrumentation_scope=_SCOPE,
        status=Status(StatusCode.ERROR, observation.detail) if failed else Status(StatusCode.UNSET),
    )
