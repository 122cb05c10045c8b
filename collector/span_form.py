"""
The form of a span: which of its bytes stand in the next one of its kind too, and what stands between them.

An agent asks the same target in the same way all day, so its spans differ in instants, durations, counts and a digest,
each at the same place as long as it takes as many bytes. Where all other bytes are those of a span that was read
before, so are its fields and their lengths, and what was found in them. Arrivals are as many as there are chunks, so
they are cut out first (span_cut.py); many spans are read at once, whosever they are (span_group.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from collector.span_cut import ARRIVALS, TICK, Cut
from schemas.attribute_checks import CHECKS, number
from schemas.errors import WireError
from schemas.flat_observation import DOUBLE_BYTES, FlatObservation
from schemas.wire import ATTR_BATCH, ATTR_SEQ

FORM_BYTES_MAX = 4096
LAYOUTS_MAX = 1024
# Attributes that differ from span to span, by the field that has their value; the texts as long as they are.
TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "touchstone.answer_digest": "answer_digest",
        "touchstone.span": "span",
        "gen_ai.response.id": "server_request_id",
    }
)
_COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "touchstone.bytes_in": "bytes_in",
        "touchstone.reads": "reads",
        "touchstone.merged_reads": "merged_reads",
        "touchstone.streams_open": "streams_open",
        "touchstone.tokens.counted_out": "counted_out",
        "touchstone.tokens.chunks": "chunks",
        "gen_ai.usage.input_tokens": "billed_in",
        "gen_ai.usage.output_tokens": "billed_out",
    }
)
_DOUBLES: Mapping[str, str] = MappingProxyType(
    {name: name.removeprefix("touchstone.") for name, check in CHECKS.items() if check is number}
)
# Bytes at most of what differs: counts so small that any CHECK allows them, numbers that are not negative, short texts.
_INTEGERS = {TICK: 8, ATTR_BATCH: 9, ATTR_SEQ: 9} | dict.fromkeys(_COUNTS, 4)
_SIZES: Mapping[str, int] = MappingProxyType(
    _INTEGERS | dict.fromkeys(TEXTS, 64) | dict.fromkeys(_DOUBLES, DOUBLE_BYTES)
)

_IDS, _TIMES, _ATTRIBUTE = frozenset({0x0A, 0x12}), {0x39: "start", 0x41: "end"}, 0x4A  # tags of a span's fields
_ALWAYS = (*_TIMES.values(), TICK, ATTR_BATCH, ATTR_SEQ)
_FIELDS = {name: FlatObservation._fields.index(field) for name, field in {**_DOUBLES, **_COUNTS, **TEXTS}.items()}
_VARINT, _MESSAGE, _FIXED_BYTES = 0, 2, {1: 8, 5: 4}
_VARINT_BYTES_MAX = 10


class _Place(NamedTuple):
    """Something that differs: its name, where it stands in the bytes of a span, and how many bytes it has."""

    name: str
    at: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """
    What differs in spans of a form, in the order in which it is taken out; at other places where another is asked.

    First both times, then doubles, then whole numbers (tick, batch and number, counts), then texts. *doubles*, *counts*
    and *texts* are their fields, *sizes* the bytes of each whole number, *text_sizes* of each text.
    """

    doubles: tuple[int, ...]
    counts: tuple[int, ...]
    sizes: tuple[int, ...]
    texts: tuple[int, ...]
    text_sizes: tuple[int, ...]


class _Layout(NamedTuple):
    """Of spans of one size: which bytes are the same (all bits set), the places of the others, and what these are."""

    mask: bytes
    places: bytes
    kinds: Kinds


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What was found in a span; its bytes, zeros where the next has others (*same*); and where those stand."""

    name: str
    attributes: int
    observation: FlatObservation
    same: bytes
    layout: _Layout


def form_of(one: Cut, name: str, observation: FlatObservation) -> Form | None:
    """The form of a span of which *name* and *observation* were read; None when it is not like an agent's."""
    o, rest = observation, one.rest
    if len(rest) > FORM_BYTES_MAX or o.detail or o.figures or o.samples:  # no two have those alike
        return None
    places, names, boundaries = list[_Place](), list[str](), {len(rest)}
    for tag, start, begin, end in _fields(rest):
        boundaries.add(start)
        if tag == _ATTRIBUTE:
            attribute = KeyValue.FromString(rest[begin:end])
            names.append(attribute.key)
            place = _differing(attribute, rest[begin:end], begin)
        elif tag in _IDS:
            place = _Place("", begin, end - begin)
        else:
            place = _Place(_TIMES[tag], begin, end - begin) if tag in _TIMES else None
        if place is not None:
            places.append(place)
    different = [place.name for place in places if place.name]
    once = len(set(names)) == len(names) and ARRIVALS not in names and len(set(different)) == len(different)
    if len(one.head) not in boundaries or not once or not set(different).issuperset(_ALWAYS):
        return None
    layout = _layout(len(rest), tuple(places))
    same = np.frombuffer(rest, np.uint8) & np.frombuffer(layout.mask, np.uint8)
    return Form(name, len(names) + bool(one.arrivals), observation, same.tobytes(), layout)


def _differing(attribute: Any, content: bytes, at: int) -> _Place | None:
    """Where the value of an *attribute* that differs stands; *content* are its bytes, which stand at *at*."""
    name, kind, size = attribute.key, attribute.value.WhichOneof("value"), 0
    if kind == "double_value" and name in _DOUBLES:
        size = DOUBLE_BYTES
    elif kind == "int_value" and name in _INTEGERS and attribute.value.int_value >= 0:
        size = (max(attribute.value.int_value.bit_length(), 1) + 6) // 7
    elif kind == "string_value" and name in TEXTS and attribute.value.string_value.isascii():
        size = len(attribute.value.string_value)
    if not 0 < size <= _SIZES.get(name, 0) or content != attribute.SerializeToString():
        return None  # its value need not be what stands last
    return _Place(name, at + len(content) - size, size)


@lru_cache(LAYOUTS_MAX)
def _layout(size: int, places: tuple[_Place, ...]) -> _Layout:
    """The layout of spans of *size* bytes."""
    mask = bytearray(b"\xff" * size)
    for _, at, length in places:
        mask[at : at + length] = bytes(length)
    of_name = {place.name: place for place in places if place.name}
    ordered = [of_name[name] for name in (*_TIMES.values(), *_DOUBLES, *_INTEGERS, *TEXTS) if name in of_name]
    taken = np.concatenate([np.arange(at, at + length, dtype=np.intp) for _, at, length in ordered])
    return _Layout(bytes(mask), taken.tobytes(), _kinds(tuple((name, length) for name, _, length in ordered)))


@lru_cache(LAYOUTS_MAX)
def _kinds(ordered: tuple[tuple[str, int], ...]) -> Kinds:
    """One object for the same *ordered* names and sizes, as long as it is remembered."""

    def fields(names: Mapping[str, str]) -> tuple[int, ...]:
        return tuple(_FIELDS[name] for name, _ in ordered if name in names)

    def sizes(names: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(size for name, size in ordered if name in names)

    return Kinds(fields(_DOUBLES), fields(_COUNTS), sizes(_INTEGERS), fields(TEXTS), sizes(TEXTS))


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Of each field its tag, where it starts, where its content begins and ends; of *message* that was read before."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == _MESSAGE:
            size, at = _varint(message, at)
        elif wire == _VARINT:
            size = _varint(message, at)[1] - at
        else:
            size = _FIXED_BYTES.get(wire, len(message))  # the rest, where it is a group
        yield tag, start, at, at + size
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that stands at *at*, and where it ends; raises WireError when none stands there."""
    value = 0
    for place, byte in enumerate(message[at : at + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise WireError("a number is cut off")
