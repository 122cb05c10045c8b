"""
The spans of an OTLP trace request, found without decoding the whole of it.

A protobuf library makes an object of every two bytes of a hostile body: sixteen megabytes become a gigabyte. So the
outer messages are walked by hand, every count is bounded, and spans are decoded one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.errors import WireError

FIELDS_MAX = 100_000  # of the outer messages: spans, scopes, resources, and what else stands between them
_LENGTH_DELIMITED = 2
_FIXED_BYTES = {1: 8, 5: 4}
_NOT_OTLP = "the body is not an OTLP trace request"


@dataclass(frozen=True, slots=True)
class Group:
    """Spans of one resource, each as its bytes."""

    resource: bytes
    spans: list[bytes]


def groups_in(content: bytes, *, spans_max: int) -> list[Group]:
    """The spans of an OTLP trace request by resource; raises WireError when it is none, or holds too many."""
    walk = _Walk(content)
    groups, total = [], 0
    for start, end in walk.messages(0, len(content), {1}):
        resource, spans = b"", list[bytes]()
        for number, inner_start, inner_end in walk.numbered(start, end, {1, 2}):
            if number == 1:
                resource += content[inner_start:inner_end]
                continue
            spans += [content[a:b] for a, b in walk.messages(inner_start, inner_end, {2})]
        total += len(spans)
        groups.append(Group(resource, spans))
    if total > spans_max:
        raise WireError(f"the body holds {total} spans; at most {spans_max}")
    return groups


class _Walk:
    """Fields of messages of one body, all together at most FIELDS_MAX."""

    def __init__(self, content: bytes) -> None:
        self._content, self._fields = content, 0

    def messages(self, start: int, end: int, numbers: set[int]) -> Iterator[tuple[int, int]]:
        """Where the fields of these *numbers* that hold a message begin and end."""
        for _, inner_start, inner_end in self.numbered(start, end, numbers):
            yield inner_start, inner_end

    def numbered(self, start: int, end: int, numbers: set[int]) -> Iterator[tuple[int, int, int]]:
        """The same, with the number of each."""
        at = start
        while at < end:
            self._fields += 1
            if self._fields > FIELDS_MAX:
                raise WireError(f"the body holds more than {FIELDS_MAX} spans, scopes, resources and other fields")
            tag, at = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if wire == _LENGTH_DELIMITED:
                size, at = self._varint(at, end)
                if number in numbers and at + size <= end:
                    yield number, at, at + size
                at += size
            elif wire == 0:
                _, at = self._varint(at, end)
            elif wire in _FIXED_BYTES:
                at += _FIXED_BYTES[wire]
            else:
                raise WireError(f"{_NOT_OTLP}: wire type {wire} at byte {at}")
            if number == 0:
                raise WireError(f"{_NOT_OTLP}: field number 0 at byte {at}")
        if at != end:
            raise WireError(f"{_NOT_OTLP}: a message is cut off at byte {end}")

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value, shift = 0, 0
        while at < end and shift < 70:
            byte = self._content[at]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                return value, at
            shift += 7
        raise WireError(f"{_NOT_OTLP}: a number is cut off at byte {at}")
