"""Samples on their way: what can be one, over the spool and the wire and back, and what is refused by name."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from collector.otlp_reading import read_body
from probes.span_bytes import observation_of, span_bytes
from probes.spool import Spool
from probes.spool_bounds import Bounds
from probes.telemetry.spans import encoded_spans
from schemas.sample import SAMPLES_MAX, Sample
from schemas.wire import SAMPLE_ATTRIBUTES, to_attributes
from tests.support.batches import body_of_batch, with_attributes
from tests.support.observations import any_sample, fullest, seen

SAMPLES = (Sample("cache", "hit", 1.0), Sample("identity", "s:001", 7, "é"), Sample("echo", "k", 0.0, "no"))
PREFIX = "touchstone.samples"
HOSTILE: dict[str, tuple[str, list[Any]]] = {
    "a series too many": ("series", ["identity"] * 4),
    "items that are numbers": ("items", [1.0, 2.0, 3.0]),
    "no texts": ("texts", []),
    "a value that is no number": ("values", [1.0, float("nan"), 1.0]),
    "a value that is too large": ("values", [1.0, 1e12, 1.0]),
    "a long text": ("texts", ["x" * 1001, "", ""]),
    "a long item": ("items", ["x" * 101, "", ""]),
    "a series without a name": ("series", ["", "a", "b"]),
}


@given(samples=st.lists(any_sample(), max_size=SAMPLES_MAX))
def test_samples_survive_the_bytes_of_a_span_and_the_collectors_reading(samples: list[Sample]) -> None:
    """In their order, doubles too."""
    one = seen(samples=tuple(samples))

    assert observation_of(span_bytes(one)) == one
    reading = read_body(body_of_batch(1, [one]), spans_max=1)
    assert [received.observation for received in reading.received] == [one]


def test_samples_survive_the_spool(tmp_path: Path) -> None:
    """And a delivery that is tried again has the same."""
    one = seen(samples=SAMPLES)
    with closing(Spool(tmp_path / "spool.db", Bounds(10))) as spool:
        spool.put([("trail", one)])
        batches = [spool.next_batch(10), spool.next_batch(10)]

    assert [batch.observations() for batch in batches if batch] == [[one], [one]]


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_samples_are_rejected_by_name(case: str) -> None:
    """By the attribute, in few words; what stands beside them is read."""
    name, value = HOSTILE[case]
    good = seen(tick=datetime(2026, 11, 24, 13, tzinfo=UTC), samples=SAMPLES)
    body = with_attributes(body_of_batch(1, [seen(samples=SAMPLES), good]), {f"{PREFIX}.{name}": value})
    reading = read_body(body, spans_max=2)

    assert (reading.rejected, dict(reading.why)) == (1, {"malformed": 1})
    assert f"attribute {PREFIX}." in reading.said
    assert len(reading.said) < 300
    assert [one.observation for one in reading.received] == [good]


def test_an_old_agents_span_has_no_samples() -> None:
    """Without the attributes there are none, and no account."""
    reading = read_body(body_of_batch(1, [seen()]), spans_max=1)

    assert (reading.received[0].observation.samples, reading.received[0].observation.account) == ((), "")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"series": ""}, "1 to 100 characters"),
        ({"item": "x" * 101}, "1 to 100 characters"),
        ({"text": "x" * 1001}, "longer than 1000"),
        ({"value": float("nan")}, "finite"),
        ({"value": 1e12}, "finite"),
        ({"text": "\ud83d"}, "half a character"),
    ],
)
def test_what_could_not_be_written_is_no_sample(wrong: dict[str, Any], said: str) -> None:
    """Refused where it is made, not where it would cost an observation."""
    with pytest.raises(ValueError, match=said):
        Sample(**({"series": "identity"} | wrong))


def test_an_observation_has_a_bounded_number_of_them() -> None:
    """One more is refused."""
    seen(samples=SAMPLES[:1] * SAMPLES_MAX)
    with pytest.raises(ValueError, match="at most 64"):
        seen(samples=SAMPLES[:1] * (SAMPLES_MAX + 1))


def test_no_sample_leaves_with_telemetry() -> None:
    """A backend of others is told everything else."""
    body = encoded_spans([fullest()], Resource({}), {})
    (span,) = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    names = {pair.key for pair in span.attributes}

    assert fullest().samples and not any("sample" in name for name in names)
    assert fullest().samples[0].text.encode() not in body
    assert set(to_attributes(fullest())) - names == set(SAMPLE_ATTRIBUTES)
