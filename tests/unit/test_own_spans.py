"""What is read at the price of what is new in it is what is read of the whole; the rest is left to be decoded whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.otlp_reading import ATTRIBUTES_MAX
from collector.own_spans import (
    ALIKE_MAX,
    FORGET_AFTER,
    FORMS_MAX,
    KNOWN_BYTES_MAX,
    KNOWN_MAX,
    TOGETHER_MAX,
    OwnSpans,
)
from collector.span_group import OwnSpan
from probes.span_bytes import numbered, observation_of, span_bytes, span_name
from schemas.observation import Observation, Timings, Tokens
from schemas.otlp_values import attributes_of
from schemas.wire import place_in_batch
from tests.support.observations import TICK, any_observation, fullest, seen

WHOLE = numbered(span_bytes(fullest()), 77, 5)
MEMORY = OwnSpans()  # one for all examples: what it remembers of one must not be heard in another


def with_attribute(attribute: KeyValue) -> bytes:
    """The fullest span, and one attribute more."""
    return WHOLE + Span(attributes=[attribute]).SerializeToString()


def alone(memory: OwnSpans, span: bytes, attributes_max: int) -> OwnSpan | None:
    """What *memory* reads of a *span* that comes alone."""
    (read,) = memory.read([span], attributes_max)
    return read


def told(read: OwnSpan | None) -> tuple[str, Observation, int, int] | None:
    """What was read, with the whole observation."""
    return read and (read[0], read[1].whole(), *read[2:])


@given(observation=any_observation())
def test_every_span_of_an_agent_is_read(observation: Observation) -> None:
    """None of them has to be decoded whole; the second time a form is known."""
    span = numbered(span_bytes(observation), 2**63 - 1, 9)

    for _ in range(2):
        assert told(alone(MEMORY, span, ATTRIBUTES_MAX)) == (span_name(observation), observation, 2**63 - 1, 9)


@given(one=any_observation(), data=st.data())
def test_a_span_of_a_known_form_says_what_differs(one: Observation, data: st.DataObject) -> None:
    """Instants, durations, counts and digest of one in the form of another, whether they take as many bytes or not."""
    another = data.draw(any_observation())
    later = replace(
        one, tick=another.tick, started_at=another.started_at, finished_at=another.finished_at,
        timings=another.timings, tokens=another.tokens, instrument=another.instrument, bytes_in=another.bytes_in,
        answer_digest=another.answer_digest, late_ms=another.late_ms, loop_lag_ms=another.loop_lag_ms,
    )  # fmt: skip
    memory = OwnSpans()
    for number, observation in enumerate((one, later, one, later), start=120):
        read = alone(memory, numbered(span_bytes(observation), 7, number), ATTRIBUTES_MAX)
        assert told(read) == (span_name(observation), observation, 7, number)


def answered(number: int) -> Observation:
    """The *number*th answer of a target: other instants, durations, counts and digest, as many chunks as it likes."""
    first_ms = 40.0 + number
    return replace(
        seen(tick=TICK + timedelta(seconds=10 * number)), loop_lag_ms=0.125 * number, streams_open=1 + number,
        timings=Timings(
            connect_ms=1.5 * number, first_token_ms=first_ms, total_ms=900.0 + number,
            arrivals_ms=tuple(first_ms + chunk for chunk in range(number % 5)),
        ),
        tokens=Tokens(60, 20 + number, 20 + number, "words", number % 5), answer_digest=f"{number:016x}",
        server_request_id=f"request-{number:04}", bytes_in=4000 + number,
    )  # fmt: skip


def test_the_next_answer_of_a_target_is_read_by_the_form_of_the_first() -> None:
    """One form for those with arrivals, one for those without; and it counts attributes as whoever reads them does."""
    memory = OwnSpans()
    for number in range(100):
        observation = answered(number)
        read = alone(memory, numbered(span_bytes(observation), 1 << 62, 1000 + number), ATTRIBUTES_MAX)
        assert told(read) == (span_name(observation), observation, 1 << 62, 1000 + number)

    assert [len(forms) for forms in memory.forms.values()] == [1, 1]
    n = len(Span.FromString(FORMED).attributes)
    assert {form.attributes for (form,) in memory.forms.values()} == {n - 1, n}
    assert alone(memory, FORMED, n) is not None
    assert alone(memory, FORMED, n - 1) is None


FORMED = numbered(span_bytes(answered(7)), 77, 5)


@given(observations=st.lists(any_observation(), min_size=1, max_size=8), order=st.lists(st.integers(0, 7), max_size=40))
def test_many_spans_are_read_as_each_alone(observations: list[Observation], order: list[int]) -> None:
    """Whosever they are and whatever is known of them, each is told in its place."""
    memory, several = OwnSpans(), [observations[at % len(observations)] for at in order]
    spans = [numbered(span_bytes(one), 7, number) for number, one in enumerate(several)]
    for _ in range(2):
        assert list(map(told, memory.read(spans, ATTRIBUTES_MAX))) == [
            (span_name(one), one, 7, number) for number, one in enumerate(several)
        ]


@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, len(FORMED) - 1), st.integers(0, 255)), min_size=1, max_size=12
    )
)
def test_a_broken_span_breaks_none_beside_it(cuts: list[tuple[int, int, int]]) -> None:
    """Those that are whole are read; each that is broken is read as its bytes say, or left alone."""
    memory = OwnSpans()
    spans = [bytearray(numbered(span_bytes(answered(number)), 77, 5)) for number in range(10)]
    whole = memory.read([bytes(span) for span in spans], ATTRIBUTES_MAX)
    for which, where, value in cuts:
        spans[which][where % len(spans[which])] = value
    broken = [bytes(span) for span in spans]
    read = memory.read(broken, ATTRIBUTES_MAX)

    touched = {which for which, *_ in cuts}
    assert [read[number] for number in range(10) if number not in touched] == [
        whole[number] for number in range(10) if number not in touched
    ]
    for span, one in zip(broken, read, strict=True):
        says(one, span)


def test_more_spans_than_are_read_at_once_are_read_in_their_order() -> None:
    """Each piece learns from the one before it; of a target that is new each is read, too."""
    memory, n = OwnSpans(), 2 * TOGETHER_MAX + 3
    read = memory.read([numbered(span_bytes(answered(number)), 7, number) for number in range(n)], ATTRIBUTES_MAX)

    assert [told(one) for one in read] == [(span_name(answered(0)), answered(number), 7, number) for number in range(n)]
    assert memory.read([], ATTRIBUTES_MAX) == []


@given(cuts=st.lists(st.tuples(st.integers(0, len(FORMED) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_what_is_read_of_a_broken_span_by_a_form_is_what_its_bytes_say(cuts: list[tuple[int, int]]) -> None:
    """Or it is left alone: a form is never taken for another."""
    memory = OwnSpans()
    alone(memory, FORMED, ATTRIBUTES_MAX)
    broken = bytearray(FORMED)
    for where, value in cuts:
        broken[where] = value
    agrees(memory, bytes(broken))
    agrees(memory, bytes(broken))


@given(cuts=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_what_is_read_of_broken_bytes_is_what_they_say(cuts: list[tuple[int, int]]) -> None:
    """Or it is left alone: nothing is read that the whole span would not say."""
    broken = bytearray(WHOLE)
    for where, value in cuts:
        broken[where] = value
    agrees(MEMORY, bytes(broken))


def agrees(memory: OwnSpans, span: bytes) -> None:
    """Whatever *memory* reads of *span* is what the whole of it says."""
    says(alone(memory, span, ATTRIBUTES_MAX), span)


def says(read: OwnSpan | None, span: bytes) -> None:
    """What was *read* of *span*, if anything, is what the whole of it says."""
    if read is not None:
        name, observation, batch, seq = read
        decoded = Span.FromString(span)
        assert observation.whole() == observation_of(span)
        assert name == decoded.name
        assert (batch, seq) == place_in_batch(attributes_of(decoded.attributes))


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
    once, again = alone(memory, span, ATTRIBUTES_MAX), alone(memory, span, ATTRIBUTES_MAX)

    assert once == again
    assert (once is not None) == taken
    assert once is None or once[1].whole() == observation_of(span)


def test_too_many_attributes_and_other_spans_are_left_alone() -> None:
    """Who sends them is told by whoever decodes the whole."""
    assert alone(MEMORY, WHOLE, 10) is None
    assert alone(MEMORY, b"\x4a\xff", ATTRIBUTES_MAX) is None
    assert alone(MEMORY, Span(name="GET /").SerializeToString(), ATTRIBUTES_MAX) is None


def test_what_is_remembered_is_bounded() -> None:
    """In number and in size, whatever is sent."""
    memory = OwnSpans()
    for number in range(KNOWN_MAX + 10):
        span = span_bytes(seen(f"acme/east/t{number}"))
        assert alone(memory, span, ATTRIBUTES_MAX) is not None
    assert 0 < len(memory.known) <= KNOWN_MAX

    long = KeyValue(key="somebody.else", value=AnyValue(string_value="x" * KNOWN_BYTES_MAX))
    assert alone(memory, with_attribute(long), ATTRIBUTES_MAX) is not None
    assert all(len(raw) <= KNOWN_BYTES_MAX for raw in memory.known)


def test_forms_are_bounded_and_learned_again() -> None:
    """In number, and of those that look alike; what is new has its turn when there has been no room for long."""
    memory = OwnSpans()
    spans = [numbered(span_bytes(seen(f"acme/east/t{number:05}")), 1, 1) for number in range(FORMS_MAX + 1)]
    for span in spans:
        alone(memory, span, ATTRIBUTES_MAX)
    full = set(memory.forms)
    assert len(full) == FORMS_MAX

    for _ in range(FORGET_AFTER):
        alone(memory, spans[-1], ATTRIBUTES_MAX)
    assert len(memory.forms) == 1

    for number in range(ALIKE_MAX + 3):  # as long as each other, of one target
        alone(memory, numbered(span_bytes(seen(region=f"eu-{number}")), 1, 1), ATTRIBUTES_MAX)
    assert max(map(len, memory.forms.values())) == ALIKE_MAX


@pytest.mark.parametrize("text", ["", "x", "x" * 70])
@pytest.mark.parametrize("chunks", [0, 1])
def test_arrivals_within_a_text_are_a_text(text: str, chunks: int) -> None:
    """Whoever writes a piece of a span into a text does not move what stands around it."""
    number = ArrayValue(values=[AnyValue(double_value=2261634.5098039214)])  # eight letters
    piece = Span(attributes=[KeyValue(key="touchstone.arrivals_ms", value=AnyValue(array_value=number))])
    hidden = text + piece.SerializeToString().decode() + text
    timings = Timings(arrivals_ms=(1.0,) * chunks)
    memory = OwnSpans()
    for change in ({"region": hidden}, {"server_request_id": hidden}, {"answer_digest": hidden}):
        observation = seen(timings=timings, **change)
        for seq in (5, 6):
            read = alone(memory, numbered(span_bytes(observation), 1, seq), ATTRIBUTES_MAX)
            assert read is None or told(read) == (span_name(observation), observation, 1, seq)


@pytest.mark.parametrize("change", [{"detail": "no route"}, {"figures": {"x": 1.0}}, {"samples": fullest().samples}])
def test_of_what_is_never_the_same_again_no_form_is_kept(change: dict[str, Any]) -> None:
    """Words, figures and samples of one span are not those of the next."""
    memory = OwnSpans()
    assert alone(memory, numbered(span_bytes(seen(**change)), 1, 1), ATTRIBUTES_MAX) is not None
    assert memory.forms == {}
