"""What is read at the price of what is new in it is what is read of the whole; the rest is left to be decoded whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.otlp_reading import ATTRIBUTES_MAX
from collector.own_spans import KNOWN_BYTES_MAX, KNOWN_MAX, OwnSpans
from probes.span_bytes import numbered, observation_of, span_bytes, span_name
from schemas.observation import Observation
from tests.support.observations import any_observation, fullest, seen

WHOLE = numbered(span_bytes(fullest()), 77, 5)
MEMORY = OwnSpans()  # one for all examples: what it remembers of one must not be heard in another


def with_attribute(attribute: KeyValue) -> bytes:
    """The fullest span, and one attribute more."""
    return WHOLE + Span(attributes=[attribute]).SerializeToString()


@given(observation=any_observation())
def test_every_span_of_an_agent_is_read(observation: Observation) -> None:
    """None of them has to be decoded whole."""
    read = MEMORY.read(numbered(span_bytes(observation), 2**63 - 1, 9), ATTRIBUTES_MAX)

    assert read == (span_name(observation), observation, 2**63 - 1, 9)


@given(cuts=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_what_is_read_of_broken_bytes_is_what_they_say(cuts: list[tuple[int, int]]) -> None:
    """Or it is left alone: nothing is read that the whole span would not say."""
    broken = bytearray(WHOLE)
    for where, value in cuts:
        broken[where] = value
    read = MEMORY.read(bytes(broken), ATTRIBUTES_MAX)

    if read is not None:
        name, observation, _, _ = read
        assert observation == observation_of(bytes(broken))
        assert name == Span.FromString(bytes(broken)).name


@pytest.mark.parametrize(
    ("attribute", "taken"),
    [
        (KeyValue(key="touchstone.region", value=AnyValue(string_value="us")), True),
        (KeyValue(key="touchstone.total_ms", value=AnyValue(double_value=float("inf"))), False),
        (KeyValue(key="touchstone.total_ms", value=AnyValue(int_value=7)), True),
        (KeyValue(key="touchstone.batch_id", value=AnyValue(int_value=-1)), False),
        (KeyValue(key="touchstone.seq", value=AnyValue(bool_value=True)), False),
        (KeyValue(key="touchstone.simulated", value=AnyValue(int_value=1)), False),
        (KeyValue(key="touchstone.outcome", value=AnyValue()), False),
        (KeyValue(key="somebody.else", value=AnyValue(string_value="x")), True),
        (KeyValue(key="somebody.else", value=AnyValue(array_value=ArrayValue())), False),
        (KeyValue(key="somebody.else"), False),
    ],
    ids=str,
)
def test_the_last_of_a_name_counts_and_what_is_wrong_is_left_alone(attribute: KeyValue, taken: bool) -> None:
    """As for a span that is decoded whole; read twice, because the second time it is known."""
    span = with_attribute(attribute)
    memory = OwnSpans()
    once, again = memory.read(span, ATTRIBUTES_MAX), memory.read(span, ATTRIBUTES_MAX)

    assert once == again
    assert (once is not None) == taken
    assert once is None or once[1] == observation_of(span)


def test_too_many_attributes_and_other_spans_are_left_alone() -> None:
    """Who sends them is told by whoever decodes the whole."""
    assert MEMORY.read(WHOLE, 10) is None
    assert MEMORY.read(b"\x4a\xff", ATTRIBUTES_MAX) is None
    assert MEMORY.read(Span(name="GET /").SerializeToString(), ATTRIBUTES_MAX) is None


def test_what_is_remembered_is_bounded() -> None:
    """In number and in size, whatever is sent."""
    memory = OwnSpans()
    for number in range(KNOWN_MAX + 10):
        span = span_bytes(seen(f"acme/east/t{number}"))
        assert memory.read(span, ATTRIBUTES_MAX) is not None
    assert 0 < len(memory.known) <= KNOWN_MAX

    long = KeyValue(key="somebody.else", value=AnyValue(string_value="x" * KNOWN_BYTES_MAX))
    assert memory.read(with_attribute(long), ATTRIBUTES_MAX) is not None
    assert all(len(raw) <= KNOWN_BYTES_MAX for raw in memory.known)
