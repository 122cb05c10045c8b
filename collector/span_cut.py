"""A span cut in two: its arrivals, of which the next has more or fewer, and the rest, which may have a known form."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.attribute_checks import ARRIVALS_MAX
from schemas.otlp_values import ELEMENT_BYTES, doubles_in

ARRIVALS, TICK = "touchstone.arrivals_ms", "touchstone.tick_ms"
ARRIVALS_KEY: bytes = KeyValue(key=ARRIVALS).SerializeToString()  # how their attribute begins, however many they are
_ARRIVALS_SIZE_AT = len(ARRIVALS_KEY) + 1
_TICK_KEY = KeyValue(key=TICK).SerializeToString()
# A span as an agent writes it: 28 bytes of ids, its name, 26 of kind, flags and instants, who was asked, then the tick.
_NAME_SIZE_AT, _FIRST_ATTRIBUTE_AT = 29, 56


class Cut(NamedTuple):
    """A span without its arrivals: the rest of its bytes, and where they stood; -1 when there are none."""

    rest: bytes
    at: int
    arrivals: tuple[float, ...]

    @property
    def hint(self) -> tuple[int, int, bytes]:
        """What spans of one form have in common, and few others: how long all is, and who was asked."""
        rest = self.rest
        asked_at = _FIRST_ATTRIBUTE_AT + (rest[_NAME_SIZE_AT] if len(rest) > _NAME_SIZE_AT else 0)
        return len(rest), self.at, rest[asked_at : rest.find(_TICK_KEY)]


def cut(span: bytes) -> Cut | None:
    """*span* cut; None when its arrivals do not stand as an agent writes them."""
    key_at = span.find(ARRIVALS_KEY)
    if key_at < 0:
        return Cut(span, -1, ())
    n = _leading(span[key_at + _ARRIVALS_SIZE_AT : key_at + _ARRIVALS_SIZE_AT + 3]) // ELEMENT_BYTES
    if not 0 < n <= min(ARRIVALS_MAX, len(span) // ELEMENT_BYTES):
        return None
    head, key_in_head = _head_in_span(n)
    start = key_at - key_in_head
    begin = start + len(head)
    end = begin + n * ELEMENT_BYTES
    if start < 0 or end > len(span) or span[start:begin] != head:
        return None
    found = doubles_in(span[begin:end])
    return None if found is None else Cut(span[:start] + span[end:], start, found)


@lru_cache(1024)
def _leading(raw: bytes) -> int:
    """The number that *raw* begins with; 0 when it goes on behind it."""
    value = 0
    for place, byte in enumerate(raw):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value
    return 0


@lru_cache(1024)
def arrivals_head(n: int) -> bytes:
    """What stands before *n* arrivals in their attribute."""
    whole: bytes = _attribute(n).SerializeToString()
    return whole[: len(whole) - n * ELEMENT_BYTES]


@lru_cache(1024)
def _head_in_span(n: int) -> tuple[bytes, int]:
    """What stands before *n* arrivals, one at least, in a span; and where in it their name stands."""
    head: bytes = Span(attributes=[_attribute(n)]).SerializeToString()[: -n * ELEMENT_BYTES]
    return head, head.index(ARRIVALS_KEY)


def _attribute(n: int) -> KeyValue:
    numbers = ArrayValue(values=[AnyValue(double_value=0.0)] * n)
    return KeyValue(key=ARRIVALS, value=AnyValue(array_value=numbers))
