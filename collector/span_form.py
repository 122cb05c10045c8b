"""
The form of a span: which of its bytes stand in the next one of its kind too, and what stands between them.

An agent asks the same target in the same way all day, so its spans differ in instants, durations, counts and a digest,
each at the same place as long as it takes as many bytes. Where all other bytes are those of a span that was read
before, so are its fields and their lengths, and what was found in them; one `unpack` gives the rest. Arrivals are as
many as there are chunks, so they are cut out first (span_cut.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from struct import Struct
from types import MappingProxyType
from typing import Any, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from collector.span_cut import ARRIVALS, TICK, Cut
from schemas.attribute_checks import CHECKS, all_finite, number
from schemas.errors import WireError
from schemas.flat_observation import FlatObservation
from schemas.nanoseconds import from_ns
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
_INTEGERS = dict.fromkeys(_COUNTS, 4) | {TICK: 8, ATTR_BATCH: 9, ATTR_SEQ: 9}
_DOUBLE_BYTES = 8
_SIZES: Mapping[str, int] = MappingProxyType(
    _INTEGERS | dict.fromkeys(TEXTS, 64) | dict.fromkeys(_DOUBLES, _DOUBLE_BYTES)
)

_IDS, _TIMES, _ATTRIBUTE = frozenset({0x0A, 0x12}), {0x39: "start", 0x41: "end"}, 0x4A  # tags of a span's fields
_ALWAYS = frozenset({TICK, *_TIMES.values(), ATTR_BATCH, ATTR_SEQ})
_VARINT, _MESSAGE, _FIXED_BYTES = 0, 2, {1: 8, 5: 4}
_GOES_ON = [int.from_bytes(b"\x80" * n, "little") for n in range(10)]


class _Place(NamedTuple):
    """Something that differs: its name, where it stands in the bytes of a span, and how `struct` takes it out."""

    name: str
    at: int
    size: int
    taken: str


@dataclass(frozen=True, slots=True)
class _Layout:
    """What `unpack` gives, by what it is; and what takes the fields of an observation out of all that was found."""

    unpack: Callable[[bytes], tuple[Any, ...]]
    same: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    doubles: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    times: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    integers: Callable[[tuple[Any, ...]], tuple[Any, ...]]  # the tick first, batch and number last
    texts: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    fields: Callable[[tuple[Any, ...]], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Form:
    """What is the same in all spans of this form, their *name* among it, and where the rest stands."""

    name: str
    attributes: int
    _same: FlatObservation
    _same_bytes: tuple[bytes, ...]
    _layout: _Layout

    def read(self, one: Cut) -> tuple[FlatObservation, int, int] | None:
        """
        The observation that *one* is, its batch and its number there; None when it is of another form.

        Raises WireError or UnicodeDecodeError when something in it is not as it must be.
        """
        layout = self._layout
        values = layout.unpack(one.rest)
        if layout.same(values) != self._same_bytes:
            return None
        doubles = layout.doubles(values)
        all_finite(self.name, one.arrivals + doubles)
        start_ns, end_ns = layout.times(values)
        tick_ms, *counts, batch, seq = map(_integer, layout.integers(values))
        found = (
            *self._same,
            one.arrivals,
            from_ns(start_ns),
            from_ns(end_ns),
            from_ns(tick_ms * 1_000_000),
            *doubles,
            *counts,
            *map(bytes.decode, layout.texts(values)),
        )
        return _flat_of(layout.fields(found)), batch, seq


_flat_of: Callable[[tuple[Any, ...]], FlatObservation] = partial(tuple.__new__, FlatObservation)


def form_of(one: Cut, name: str, observation: FlatObservation) -> Form | None:
    """The form of a span of which *name* and *observation* were read; None when it is not like an agent's."""
    o = observation
    if len(one.rest) > FORM_BYTES_MAX or o.detail or o.figures or o.samples:  # no two have those alike
        return None
    places, names, boundaries = list[_Place](), list[str](), {-1, len(one.rest)}
    for tag, start, begin, end in _fields(one.rest):
        boundaries.add(start)
        if tag == _ATTRIBUTE:
            attribute = KeyValue.FromString(one.rest[begin:end])
            names.append(attribute.key)
            place = _differing(attribute, one.rest[begin:end], begin)
        elif tag in _IDS:
            place = _Place("", begin, end - begin, "{}x")
        else:
            place = _Place(_TIMES[tag], begin, end - begin, "Q") if tag in _TIMES else None
        if place is not None:
            places.append(place)
    different = [place.name for place in places if place.name]
    once = len(set(names)) == len(names) and ARRIVALS not in names and len(set(different)) == len(different)
    if one.at not in boundaries or not once or not set(different) >= _ALWAYS:
        return None
    layout = _layout(len(one.rest), tuple(places))
    same_bytes = layout.same(layout.unpack(one.rest))
    return Form(name, len(names) + (one.at >= 0), observation, same_bytes, layout)


def _differing(attribute: Any, content: bytes, at: int) -> _Place | None:
    """Where the value of an *attribute* that differs stands; *content* are its bytes, which stand at *at*."""
    name, kind = attribute.key, attribute.value.WhichOneof("value")
    size, taken = 0, "{}s"
    if kind == "double_value" and name in _DOUBLES:
        size, taken = _DOUBLE_BYTES, "d"
    elif kind == "int_value" and name in _INTEGERS and attribute.value.int_value >= 0:
        size = (max(attribute.value.int_value.bit_length(), 1) + 6) // 7
    elif kind == "string_value" and name in TEXTS:
        size = len(attribute.value.string_value.encode())
    if not 0 < size <= _SIZES.get(name, 0) or content != attribute.SerializeToString():
        return None  # its value need not be what stands last
    return _Place(name, at + len(content) - size, size, taken)


@lru_cache(LAYOUTS_MAX)
def _layout(size: int, places: tuple[_Place, ...]) -> _Layout:
    """The layout of spans of *size* bytes."""
    parts, same, at_of, number, at = list[str](), list[int](), dict[str, int](), 0, 0
    for place in (*places, _Place("", size, 0, "{}x")):
        if place.at > at:
            parts.append(f"{place.at - at}s")
            same.append(number)
            number += 1
        parts.append(place.taken.format(place.size))
        if place.name:
            at_of[place.name] = number
            number += 1
        at = place.at + place.size
    doubles = [name for name in at_of if name in _DOUBLES]
    counts = [name for name in at_of if name in _COUNTS]
    texts = [name for name in at_of if name in TEXTS]
    found = [*FlatObservation._fields, "arrivals_ms", "started_at", "finished_at", "tick"]
    found += [_DOUBLES[name] for name in doubles] + [_COUNTS[name] for name in counts] + [TEXTS[name] for name in texts]
    last = {name: at for at, name in enumerate(found)}
    return _Layout(
        Struct("<" + "".join(parts)).unpack,
        _taken(same),
        _taken([at_of[name] for name in doubles]),
        _taken([at_of[name] for name in _TIMES.values()]),
        _taken([at_of[name] for name in (TICK, *counts, ATTR_BATCH, ATTR_SEQ)]),
        _taken([at_of[name] for name in texts]),
        _taken([last[name] for name in FlatObservation._fields]),
    )


def _taken(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What takes the values at *places* out of a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple([values[at] for at in places])


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
    for end in range(at + 1, min(at + len(_GOES_ON), len(message)) + 1):
        if message[end - 1] < 0x80:
            return _integer(message[at:end]), end
    raise WireError("a number is cut off")


@lru_cache(8192)
def _integer(raw: bytes) -> int:
    """The number that *raw* is, seven bits of each byte; raises WireError when it ends before, or goes on."""
    whole, size = int.from_bytes(raw, "little"), len(raw)
    if whole & (0x80 << 8 * (size - 1)) or whole & _GOES_ON[size - 1] != _GOES_ON[size - 1]:
        raise WireError("a number of another length")
    return sum([whole >> at & 0x7F << 7 * at for at in range(size)])
