"""
Spans that our own agents send, read at the price of what is new in them.

Most attributes of a span are the same bytes as in the span before it: words, and whatever says who was asked. So the
attributes of a span are left as bytes, those that were read before are known by them, and durations are taken out of
theirs; only the rest is decoded. What comes of it is what `schemas/wire.py` makes of the decoded span, or None: then
the span is decoded whole, and whatever is wrong with it is found and named there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.attribute_checks import CHECKS, number
from schemas.errors import WireError
from schemas.observation import Observation
from schemas.otlp_values import ELEMENT_BYTES, SCALARS, doubles_in, plain
from schemas.wire import ATTR_SEQ, assembled, place_in_batch

KNOWN_MAX = 8192  # attributes; beyond that all are forgotten, and learned again
KNOWN_BYTES_MAX = 256  # of one of them
# What differs from one observation to the next, and would only push out what does not.
_NEVER_KNOWN = frozenset(
    {"touchstone.tick_ms", "touchstone.answer_digest", "touchstone.span", "gen_ai.response.id", ATTR_SEQ}
)
_DOUBLE = Struct("<d").unpack
_DOUBLE_BYTES = 8
_ARRIVALS = "touchstone.arrivals_ms"
_ARRIVALS_CHECK = CHECKS[_ARRIVALS]
_ARRIVALS_KEY = KeyValue(key=_ARRIVALS).SerializeToString() + b"\x12"  # and how long its value is


def _double_head(name: str) -> bytes:
    """What stands before the eight bytes of a double with that name."""
    whole: bytes = KeyValue(key=name, value=AnyValue(double_value=1.0)).SerializeToString()
    return whole[:-_DOUBLE_BYTES]


def _bytes_span() -> Any:
    """The class of OTLP's Span whose attributes stay bytes; everything else of it is decoded as ever."""
    official = Span.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(name="touchstone/own_span.proto", package="touchstone", syntax="proto3")
    file.dependency.append(official.file.name)
    message = file.message_type.add()
    official.CopyToProto(message)
    del message.nested_type[:], message.enum_type[:]  # the fields name the official ones
    (attributes,) = (field for field in message.field if field.name == "attributes")
    attributes.ClearField("type_name")
    attributes.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("touchstone.Span"))


@lru_cache(1024)
def _arrivals_head(n: int) -> bytes:
    """What stands before *n* arrivals."""
    numbers = ArrayValue(values=[AnyValue(double_value=0.0)] * n)
    whole: bytes = KeyValue(key=_ARRIVALS, value=AnyValue(array_value=numbers)).SerializeToString()
    return whole[: len(whole) - n * ELEMENT_BYTES]


_BytesSpan = _bytes_span()
_DOUBLE_NAMES: Mapping[bytes, str] = {_double_head(name): name for name, check in CHECKS.items() if check is number}


class OwnSpans:
    """A reader of spans that remembers attributes; threads may share one."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[str, Any]] = {}

    def read(self, span_bytes: bytes, attributes_max: int) -> tuple[str, Observation, int, int] | None:
        """A span's name, its observation, batch and number there; None for all that is not plainly one of ours."""
        try:
            span = _BytesSpan.FromString(span_bytes)
            attributes = list(span.attributes)
            if len(attributes) > attributes_max:
                return None
            checked = self._checked(attributes)
            batch, seq = place_in_batch(checked)
            observation = assembled(checked, start_ns=span.start_time_unix_nano, end_ns=span.end_time_unix_nano)
        except (DecodeError, WireError):
            return None
        return span.name, observation, batch, seq

    def _checked(self, attributes: list[bytes]) -> dict[str, Any]:
        """By name, of a name given twice the last; raises WireError when one is not as it must be."""
        known = list(map(self.known.get, attributes))
        return dict([pair or self._pair(raw) for pair, raw in zip(known, attributes, strict=True)])

    def _pair(self, raw: bytes) -> tuple[str, Any]:
        name = _DOUBLE_NAMES.get(raw[:-_DOUBLE_BYTES])
        if name is not None:
            return name, number(name, _DOUBLE(raw[-_DOUBLE_BYTES:])[0])
        if raw.startswith(_ARRIVALS_KEY):
            head = _arrivals_head((len(raw) - len(_ARRIVALS_KEY)) // ELEMENT_BYTES)
            if raw.startswith(head) and (doubles := doubles_in(raw[len(head) :])):
                return _ARRIVALS, _ARRIVALS_CHECK(_ARRIVALS, doubles)
        return self._decoded(raw)

    def _decoded(self, raw: bytes) -> tuple[str, Any]:
        attribute = KeyValue.FromString(raw)
        name, value = attribute.key, plain(attribute.value)
        check = CHECKS.get(name)
        if check is not None and value is not None:
            value = check(name, value)
        elif attribute.value.WhichOneof("value") not in SCALARS:
            raise WireError(f"attribute {name}: no plain value")
        if len(raw) <= KNOWN_BYTES_MAX and name not in _NEVER_KNOWN:
            if len(self.known) >= KNOWN_MAX:
                self.known.clear()
            self.known[raw] = name, value
        return name, value
