"""A hostile body is refused or its bad spans are counted by number and attribute; nothing else ever happens."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from collector.otlp_reading import SAID_MAX, Reading, Received, read_body, unpacked
from schemas.errors import WireError
from schemas.flat_observation import FlatObservation
from tests.support.batches import body_of_batch
from tests.support.observations import TICK, seen

BYTES_MAX = 100_000
SPANS_MAX = 20
SEEN = [seen(tick=TICK + timedelta(seconds=number)) for number in range(3)]
BODY = body_of_batch(77, SEEN, first=5)


def request_of(change: Callable[[ExportTraceServiceRequest], object]) -> bytes:
    """The body of three good spans after *change*."""
    request = ExportTraceServiceRequest.FromString(BODY)
    change(request)
    return request.SerializeToString()


def set_attribute(name: str, value: AnyValue | None, span: int = 1) -> bytes:
    """The body with one attribute of one span replaced, or removed for None."""

    def change(request: ExportTraceServiceRequest) -> None:
        attributes = request.resource_spans[0].scope_spans[0].spans[span].attributes
        kept = [pair for pair in attributes if pair.key != name]
        del attributes[:]
        attributes.extend(kept if value is None else [*kept, KeyValue(key=name, value=value)])

    return request_of(change)


def nested(depth: int) -> AnyValue:
    """Lists in lists, *depth* deep."""
    value = AnyValue(string_value="deep")
    for _ in range(depth):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    return value


def read(content: bytes) -> Reading:
    """The reading of *content*."""
    return read_body(content, spans_max=SPANS_MAX)


def test_a_good_body_is_read_whole() -> None:
    """Every observation with its batch and its number."""
    assert read(BODY) == Reading(
        tuple(Received(FlatObservation.of(one), 77, seq) for seq, one in enumerate(SEEN, start=5)), 0, ""
    )


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "deflate"])
@given(content=st.binary(max_size=2000))
def test_what_was_packed_is_unpacked(encoding: str, content: bytes) -> None:
    """The encodings of HTTP that OTLP clients use."""
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)(content)

    assert unpacked(packed, encoding, bytes_max=2000) == content


@pytest.mark.parametrize(
    ("body", "encoding", "says"),
    [
        (b"plain text", "gzip", "the body is not gzip"),
        (b"", "gzip", "the gzip body is cut off"),
        (gzip.compress(BODY)[:-9], "gzip", "the gzip body is cut off"),
        (gzip.compress(BODY)[:-1] + b"\xff", "gzip", "the body is not gzip"),
        (gzip.compress(BODY) + b"more", "gzip", "the gzip body goes on after its end"),
        (gzip.compress(BODY) + gzip.compress(BODY), "gzip", "the gzip body goes on after its end"),
        (gzip.compress(bytes(50_000_000)), "gzip", "the body unpacks to more than 100000 bytes"),
        (bytes(100_001), "", "the body unpacks to more than 100000 bytes"),
        (b"", "br", "Content-Encoding 'br' is not understood"),
        (b"", "x" * 1000, "is not understood"),
    ],
    ids=range(10),
)
def test_a_body_that_is_not_what_it_says_is_refused_whole(body: bytes, encoding: str, says: str) -> None:
    """Cut, broken, a bomb, unknown: one short sentence."""
    with pytest.raises(WireError) as caught:
        unpacked(body, encoding, bytes_max=BYTES_MAX)

    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    """The bound is the last size that passes."""
    assert len(unpacked(gzip.compress(bytes(BYTES_MAX)), "gzip", bytes_max=BYTES_MAX)) == BYTES_MAX


def test_too_many_spans_are_refused_whole() -> None:
    """Nothing of it is taken, so the sender may send less at a time."""
    body = body_of_batch(1, [seen(tick=TICK + timedelta(seconds=n)) for n in range(SPANS_MAX + 1)])

    with pytest.raises(WireError, match="holds 21 spans; at most 20"):
        read(body)
    assert len(read_body(body, spans_max=SPANS_MAX + 1).received) == SPANS_MAX + 1


BAD_VALUES = {
    "missing": ("touchstone.target", None),
    "of another type": ("touchstone.target", AnyValue(int_value=5)),
    "bytes": ("touchstone.target", AnyValue(bytes_value=b"acme")),
    "an empty value": ("touchstone.outcome", AnyValue()),
    "a map": ("touchstone.attempt", AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")]))),
    "not a number": ("touchstone.total_ms", AnyValue(double_value=float("nan"))),
    "lists in lists": ("touchstone.arrivals_ms", nested(30)),
    "a negative batch": ("touchstone.batch_id", AnyValue(int_value=-1)),
    "a batch in words": ("touchstone.batch_id", AnyValue(string_value="first")),
    "a truth for a number": ("touchstone.seq", AnyValue(bool_value=True)),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_span_that_is_no_observation_is_rejected_by_number_and_attribute(name: str) -> None:
    """The others are taken."""
    attribute, value = BAD_VALUES[name]
    reading = read(set_attribute(attribute, value))

    assert [one.observation for one in reading.received] == [SEEN[0], SEEN[2]]
    assert reading.rejected == 1
    assert reading.said.startswith("span 1 ('chat'): attribute " + attribute)


def test_foreign_spans_are_counted_and_only_the_first_are_named() -> None:
    """A gateway's own spans without our attributes: the answer stays short."""

    def foreign(request: ExportTraceServiceRequest) -> None:
        spans = request.resource_spans[0].scope_spans[0].spans
        for number in range(12):
            spans.add(name=f"GET {number}" + "x" * 1000)

    reading = read(request_of(foreign))

    assert (len(reading.received), reading.rejected) == (3, 12)
    assert reading.said.count("span ") == SAID_MAX
    assert len(reading.said) < 1000


def test_nesting_without_end_is_refused() -> None:
    """Deeper than protobuf reads: a WireError, no RecursionError."""
    inner = b""
    for _ in range(5000):  # AnyValue.array_value.values: fields 5 and 1, length-delimited
        inner = b"\x0a" + _varint(len(inner)) + inner
        inner = b"\x2a" + _varint(len(inner)) + inner
    attribute = b"\x12" + _varint(len(inner)) + inner
    span = b"\x4a" + _varint(len(attribute)) + attribute
    for field in (b"\x12", b"\x12", b"\x0a"):
        span = field + _varint(len(span)) + span

    with pytest.raises(WireError, match="not an OTLP trace request"):
        read(span)


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


@given(body=st.binary(max_size=400), encoding=st.sampled_from(["", "gzip", "deflate", "identity", "zstd"]))
def test_random_bytes_are_refused_or_hold_nothing(body: bytes, encoding: str) -> None:
    """WireError, or a reading without an observation; nothing else is raised."""
    try:
        reading = read(unpacked(body, encoding, bytes_max=BYTES_MAX))
    except WireError:
        return
    assert reading.received == ()


@given(cuts=st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_body_with_broken_bytes_is_read_or_refused(cuts: list[tuple[int, int]]) -> None:
    """Nearly right is the worst: still a WireError, or spans that are taken or rejected, none twice."""
    broken = bytearray(BODY)
    for where, value in cuts:
        broken[where] = value
    try:
        reading = read(bytes(broken))
    except WireError:
        return
    assert len(reading.received) + reading.rejected <= SPANS_MAX
    assert bool(reading.said) == bool(reading.rejected)


@given(end=st.integers(0, len(BODY) - 1))
def test_a_body_cut_anywhere_never_holds_everything(end: int) -> None:
    """Cut inside a message it cannot be read."""
    try:
        reading = read(BODY[:end])
    except WireError:
        return
    assert len(reading.received) < len(SEEN)
