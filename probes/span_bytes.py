"""
An observation as the bytes of its OTLP span, written once: spooled and shipped as they are.

Protobuf joins messages by putting their bytes behind one another; so what is only known when a batch is cut, its id
and the number in it, is appended, and nothing is decoded and encoded again on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import pack
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.nanoseconds import to_ns
from schemas.observation import Observation, Outcome
from schemas.otlp_values import DOUBLE_ELEMENT, ELEMENT_BYTES, attributes_of
from schemas.varint import varint
from schemas.wire import ATTR_BATCH, ATTR_SEQ, OPERATIONS, Value, from_attributes, to_attributes

# Tags of the OTLP schema: field number * 8 + wire type.
_TRACE_ID, _SPAN_ID, _NAME, _KIND, _START, _END, _ATTRIBUTE, _STATUS, _FLAGS = (
    b"\x0a", b"\x12", b"\x2a", b"\x30", b"\x39", b"\x41", b"\x4a", b"\x7a", b"\x85\x01",
)  # fmt: skip
_KEY, _VALUE = b"\x0a", b"\x12"
_TEXT, _BOOL, _INT, _DOUBLE, _ARRAY = b"\x0a", b"\x10", b"\x18", b"\x21", b"\x2a"
_CLIENT = b"\x30\x03" + _FLAGS + pack("<I", 0x100)  # kind CLIENT; no remote parent
_MESSAGE, _CODE_ERROR = b"\x12", b"\x18\x02"
_NAMES_MAX = 1024


def span_bytes(observation: Observation) -> bytes:
    """The span of *observation*; trace and span id derive from its identity, so a repeated one is the same."""
    o = observation
    identity = o.id.bytes
    span_id = identity[8:] if any(identity[8:]) else bytes(7) + b"\x01"
    parts = [
        block(_TRACE_ID, identity),
        block(_SPAN_ID, span_id),
        block(_NAME, span_name(o).encode()),
        _CLIENT,
        _START + pack("<Q", to_ns(o.started_at)),
        _END + pack("<Q", to_ns(o.finished_at)),
        attribute_bytes(to_attributes(o)),
    ]
    if o.outcome is Outcome.FAILED:
        parts.append(block(_STATUS, block(_MESSAGE, o.detail.encode()) + _CODE_ERROR))
    return b"".join(parts)


def span_name(observation: Observation) -> str:
    """What a backend shows: the operation, or the kind, and the model."""
    return f"{OPERATIONS.get(observation.kind, observation.kind)} {observation.model}".strip()


def numbered(span: bytes, batch_id: int, seq: int) -> bytes:
    """*span* with its batch and its number there."""
    number = varint(seq)
    return b"".join((span, _batch_attribute(batch_id), _seq_head(len(number)), number))


def observation_of(span: bytes) -> Observation:
    """The observation whose span it is; raises WireError, or protobuf's DecodeError."""
    read = Span.FromString(span)
    return from_attributes(
        attributes_of(read.attributes), start_ns=read.start_time_unix_nano, end_ns=read.end_time_unix_nano
    )


def attribute_bytes(attributes: Mapping[str, Any], tag: bytes = _ATTRIBUTE) -> bytes:
    """Attributes, of a span unless *tag* says otherwise."""
    return b"".join(
        [
            _text_attribute(tag, name, value)
            if type(value) is str
            else block(tag, _key(name) + block(_VALUE, _value(value)))
            for name, value in attributes.items()
        ]
    )


@lru_cache(1)
def _batch_attribute(batch_id: int) -> bytes:
    return attribute_bytes({ATTR_BATCH: batch_id})


@lru_cache(16)
def _seq_head(size: int) -> bytes:
    """What stands before a number in a batch that takes *size* bytes."""
    return attribute_bytes({ATTR_SEQ: 1 << 7 * (size - 1)})[:-size]


@lru_cache(4 * _NAMES_MAX)
def _text_attribute(tag: bytes, name: str, value: str) -> bytes:
    """Most texts are the same for every observation of a target."""
    return block(tag, _key(name) + block(_VALUE, block(_TEXT, value.encode())))


@lru_cache(_NAMES_MAX)
def _key(name: str) -> bytes:
    return block(_KEY, name.encode())


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return block(_TEXT, value.encode())
    if isinstance(value, float):
        return _DOUBLE + pack("<d", value)
    if isinstance(value, bool):
        return _BOOL + (b"\x01" if value else b"\x00")
    if isinstance(value, int):
        return _INT + varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    return block(_ARRAY, _items(value))


def _items(values: Sequence[float] | Sequence[str]) -> bytes:
    if set(map(type, values)) == {float}:  # arrivals, by far the most: 11 bytes each, the last 8 of them the number
        n, size = len(values), ELEMENT_BYTES
        numbers, out = pack(f"<{n}d", *values), bytearray(n * size)
        for at, byte in enumerate(DOUBLE_ELEMENT):
            out[at::size] = bytes((byte,)) * n
        for at in range(8):
            out[len(DOUBLE_ELEMENT) + at :: size] = numbers[at::8]
        return bytes(out)
    return b"".join(block(b"\x0a", _value(one)) for one in values)


def block(tag: bytes, content: bytes) -> bytes:
    """*content* as a field of a message."""
    return tag + _size(len(content)) + content


@lru_cache(4 * _NAMES_MAX)
def _size(size: int) -> bytes:
    return varint(size)
