"""
What the OpenTelemetry Collector's ClickHouse exporter makes of an OTLP request: a row of `otel_traces` for each span.

Attributes become text as its `AsString` does: numbers in decimal as JSON has them, arrays as JSON with `<`, `>` and `&`
escaped. Status codes and kinds are names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

# The columns of its INSERT, in its order.
EXPORTED_COLUMNS = (
    "Timestamp", "TraceId", "SpanId", "ParentSpanId", "TraceState", "SpanName", "SpanKind", "ServiceName",
    "ResourceAttributes", "ScopeName", "ScopeVersion", "SpanAttributes", "Duration", "StatusCode", "StatusMessage",
    "Events.Timestamp", "Events.Name", "Events.Attributes", "Links.TraceId", "Links.SpanId", "Links.TraceState",
    "Links.Attributes",
)  # fmt: skip
_KINDS = ("Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")
_CODES = ("Unset", "Ok", "Error")


def exported_rows(request: ExportTraceServiceRequest) -> list[list[Any]]:
    """A row for each span, values in the order of EXPORTED_COLUMNS; instants as nanoseconds."""
    rows = []
    for group in request.resource_spans:
        resource = as_map(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                rows.append(
                    [
                        span.start_time_unix_nano, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
                        span.trace_state, span.name, _KINDS[span.kind], resource.get("service.name", ""), resource,
                        scope.scope.name, scope.scope.version, as_map(span.attributes),
                        (span.end_time_unix_nano - span.start_time_unix_nano) % 2**64, _CODES[span.status.code],
                        span.status.message, [one.time_unix_nano for one in span.events],
                        [one.name for one in span.events], [as_map(one.attributes) for one in span.events],
                        [], [], [], [],
                    ]
                )  # fmt: skip
    return rows


def as_map(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as text."""
    return {pair.key: as_text(pair.value) for pair in pairs}


def as_text(value: AnyValue) -> str:
    """A value as text."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case None:
            return ""
        case _:
            return _json(value)


def _json(value: AnyValue) -> str:
    match value.WhichOneof("value"):
        case "string_value":
            text = json.dumps(value.string_value, ensure_ascii=False)
            for character in "<>&\u2028\u2029":
                text = text.replace(character, f"\\u{ord(character):04x}")
            return text
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return _decimal(value.double_value)
        case "array_value":
            return "[" + ",".join(_json(one) for one in value.array_value.values) + "]"
        case _:
            return "null"


def _decimal(number: float) -> str:
    """The shortest text that is read back as *number*; with an exponent only far from 1."""
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        text = format(Decimal(repr(number)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits, _, exponent = repr(number).partition("e")
    return f"{digits.removesuffix('.0')}e{'-' if exponent[0] == '-' else '+'}{exponent[1:].lstrip('0')}"


def column_types(columns: Sequence[str]) -> list[str]:
    """The types of the exporter's *columns*."""
    attributes = "Map(LowCardinality(String), String)"
    types = {
        "Timestamp": "DateTime64(9)", "Duration": "UInt64", "ResourceAttributes": attributes,
        "SpanAttributes": attributes, "Events.Timestamp": "Array(DateTime64(9))",
        "Events.Name": "Array(LowCardinality(String))", "Events.Attributes": f"Array({attributes})",
        "Links.Attributes": f"Array({attributes})", "Links.TraceId": "Array(String)", "Links.SpanId": "Array(String)",
        "Links.TraceState": "Array(String)",
    } | dict.fromkeys(("SpanName", "SpanKind", "ServiceName", "StatusCode"), "LowCardinality(String)")  # fmt: skip
    return [types.get(column, "String") for column in columns]
