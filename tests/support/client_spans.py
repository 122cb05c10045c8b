"""Spans of real traffic as gateways and applications send them, and the OTLP body that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector.passive import ClientSpan, TargetIndex
from schemas.fleet import Fleet

START = datetime(2026, 11, 24, 12, 0, 0, 123_456, tzinfo=UTC)
START_NS = int(START.timestamp()) * 1_000_000_000 + 123_456_000
MS = 1_000_000
NEW = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m-large",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.usage.input_tokens": 40,
    "gen_ai.usage.output_tokens": 12,
    "server.address": "east.acme.example",
    "server.port": 443,
    "http.response.status_code": 200,
}
OLD = {
    "gen_ai.system": "openai",
    "llm.request.type": "chat",
    "gen_ai.request.model": "m-large",
    "gen_ai.usage.prompt_tokens": 40,
    "gen_ai.usage.completion_tokens": 12,
    "gen_ai.response.finish_reasons": ["stop"],
    "http.url": "https://east.acme.example/v1/chat/completions",
    "http.status_code": 200,
}


def fleet() -> Fleet:
    """Acme with two regions, two models at one address, and two tenants below one address by path."""
    target = {"modules": ["chat"]}
    east = {
        "large": target | {"model": "m-large", "url": "https://east.acme.example/v1"},
        "small": target | {"model": "m-small", "url": "https://east.acme.example/v1"},
    }
    west = {"chat": target | {"model": "m-large", "url": "http://west.acme.example:8000/v1"}}
    tenants = {
        "one": target | {"model": "m-large", "url": "https://shared.acme.example/one/v1"},
        "two": target | {"model": "m-large", "url": "https://shared.acme.example/two/v1"},
        "root": target | {"model": "m-large", "url": "https://shared.acme.example"},
    }
    clusters = {name: {"region": name, "targets": targets} for name, targets in (("east", east), ("west", west))}
    return Fleet.model_validate({"providers": {"acme": {"clusters": clusters | {"shared": {"targets": tenants}}}}})


TARGETS = TargetIndex.of(fleet())


def client_span(attributes: Mapping[str, object] | None = None, /, **changes: Any) -> ClientSpan:
    """A span of half a second, by the new names unless said otherwise."""
    plain: dict[str, Any] = {
        "id": "00f067aa0ba902b7",
        "client": True,
        "attributes": NEW if attributes is None else attributes,
        "resource": {"service.name": "checkout"},
        "start_ns": START_NS,
        "end_ns": START_NS + 500 * MS,
        "failed": False,
    }
    return ClientSpan(**plain | changes)


def body_of(*spans: ClientSpan) -> bytes:
    """The OTLP request that holds *spans*, one resource for each."""
    request = ExportTraceServiceRequest()
    for span in spans:
        group = request.resource_spans.add()
        group.resource.attributes.extend(_pairs(span.resource))
        group.scope_spans.add().spans.append(
            Span(
                name="chat m-large",
                span_id=bytes.fromhex(span.id),
                kind=Span.SPAN_KIND_CLIENT if span.client else Span.SPAN_KIND_INTERNAL,
                attributes=_pairs(span.attributes),
                events=[Span.Event(name=name, time_unix_nano=ns) for name, ns in span.events],
                start_time_unix_nano=span.start_ns,
                end_time_unix_nano=span.end_ns,
                status=Status(code=Status.STATUS_CODE_ERROR if span.failed else Status.STATUS_CODE_UNSET),
            )
        )
    return request.SerializeToString()


def _pairs(values: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_any(value)) for name, value in values.items()]


def _any(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[_any(one) for one in value]))
        case _:
            return AnyValue(string_value=str(value))
