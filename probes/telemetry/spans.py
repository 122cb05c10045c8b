"""An observation as a span for any OpenTelemetry backend: our wire's span, with what the conventions ask beside."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from probes.ship import span_of
from probes.telemetry import conventions
from probes.telemetry.conventions import Addresses
from schemas.observation import Observation


def encoded_spans(observations: Iterable[Observation], resource: Resource, addresses: Addresses) -> bytes:
    """The OTLP trace request of *observations*."""
    body: bytes = encode_spans(
        [conventional_span(one, resource, addresses) for one in observations]
    ).SerializeToString()
    return body


def conventional_span(observation: Observation, resource: Resource, addresses: Addresses) -> ReadableSpan:
    """The span of *observation*; its trace and span id derive from its identity, so a repeated one is the same."""
    plain = span_of(observation, 0, 0, resource)
    operation = conventions.operation_of(observation)
    more = {} if operation is None else conventions.request_attributes(observation, operation, addresses)
    first_s = conventions.first_chunk_s(observation)
    if operation is not None and first_s is not None:
        more |= {conventions.REQUEST_STREAM: True, conventions.TIME_TO_FIRST_CHUNK: first_s}
    if operation is not None and observation.finish_reason:
        more |= {conventions.FINISH_REASONS: (observation.finish_reason,)}
    return ReadableSpan(
        name=plain.name,
        context=plain.context,
        kind=plain.kind,
        attributes={**(plain.attributes or {}), **more},
        start_time=plain.start_time,
        end_time=plain.end_time,
        resource=resource,
        instrumentation_scope=plain.instrumentation_scope,
        status=plain.status,
    )
