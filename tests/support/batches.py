"""Batches as the spool gives them, and their OTLP bodies, of observations made by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from probes.ship import encoded
from probes.span_bytes import span_bytes
from probes.spool import Batch
from schemas.observation import Observation


def batch_of(id: int, observations: Iterable[Observation], *, first: int = 1) -> Batch:
    """A batch of *observations*, numbered from *first*."""
    return Batch(id, tuple((seq, span_bytes(one)) for seq, one in enumerate(observations, first)))


def body_of_batch(id: int, observations: Iterable[Observation], *, first: int = 1) -> bytes:
    """The OTLP request of the same, not compressed."""
    return encoded(batch_of(id, observations, first=first), Resource({}))


def with_attributes(body: bytes, changes: Mapping[str, Sequence[object]]) -> bytes:
    """The request *body* with other lists in the attributes of its first span."""
    request = ExportTraceServiceRequest.FromString(body)
    for pair in request.resource_spans[0].scope_spans[0].spans[0].attributes:
        if pair.key in changes:
            del pair.value.array_value.values[:]
            for one in changes[pair.key]:
                name = "string_value" if isinstance(one, str) else "double_value"
                setattr(pair.value.array_value.values.add(), name, one)
    return bytes(request.SerializeToString())
