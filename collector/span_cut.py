"""A span and its arrivals, of which the next has more or fewer, apart; so that the rest may have a known form."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.attribute_checks import ARRIVALS_MAX
from schemas.otlp_values import ELEMENT_BYTES

ARRIVALS, TICK = "touchstone.arrivals_ms", "touchstone.tick_ms"
ARRIVALS_KEY: bytes = KeyValue(key=ARRIVALS).SerializeToString()  # how their attribute begins, however many they are
_ARRIVALS_SIZE_AT = len(ARRIVALS_KEY) + 1
_TICK_KEY = KeyValue(key=TICK).SerializeToString()
# A span as an agent writes it: 28 bytes of ids, its name, 26 of kind, flags and instants, who was asked, then the tick.
_NAME_SIZE_AT, _FIRST_ATTRIBUTE_AT = 29, 56


class Cut(NamedTuple):
    """A span cut in three: its arrivals, none or those of one attribute, and what stands before and behind them."""

    head: bytes
    arrivals: bytes
    tail: bytes

    @property
    def rest(self) -> bytes:
        """The span without its arrivals."""
        return self.head + self.tail

    @property
    def hint(self) -> tuple[int, int, bytes]:
        """What spans of one form have in common, and few others: how long all is, and who was asked."""
        head, arrivals, tail = self
        asked_at = _FIRST_ATTRIBUTE_AT + (head[_NAME_SIZE_AT] if len(head) > _NAME_SIZE_AT else 0)
        return len(head), len(tail) if arrivals else -1, head[asked_at : head.find(_TICK_KEY)]


def cut(span: bytes) -> Cut | None:
    """*span* cut; None when its arrivals do not stand as an agent writes them."""
    key_at = span.rfind(ARRIVALS_KEY)  # they stand nearly last
    if key_at < 0:
        return Cut(span, b"", b"")
    n = _leading(span[key_at + _ARRIVALS_SIZE_AT : key_at + _ARRIVALS_SIZE_AT + 3]) // ELEMENT_BYTES
    if not 0 < n <= min(ARRIVALS_MAX, len(span) // ELEMENT_BYTES):
        return None
    before, key_in_before = _head_in_span(n)
    start = key_at - key_in_before
    begin = start + len(before)
    end = begin + n * ELEMENT_BYTES
    if start < 0 or end > len(span) or span[start:begin] != before:
        return None
    return Cut(span[:start], span[begin:end], span[end:])


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
