"""An observation survives the wire unchanged, and what is no observation is refused by the attribute's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import WireError
from schemas.nanoseconds import from_ns, to_ns
from schemas.observation import Observation
from schemas.wire import from_attributes, to_attributes
from tests.support.observations import TICK, any_observation, fullest, seen

START, END = to_ns(TICK), to_ns(TICK + timedelta(seconds=1))
FULL = to_attributes(fullest())
UNREAD = {"gen_ai.operation.name"}  # for other people's tools; ours is touchstone.kind
REQUIRED = ("target", "vantage", "kind", "module", "tick_ms", "attempt", "provider", "cluster", "outcome")


def back(observation: Observation) -> Observation:
    """*observation* as it comes out at the other end."""
    return from_attributes(
        to_attributes(observation),
        start_ns=to_ns(observation.started_at),
        end_ns=to_ns(observation.finished_at),
    )


@given(observation=any_observation())
def test_every_observation_survives_the_wire(observation: Observation) -> None:
    """Each field, and so its identity."""
    assert back(observation) == observation


def test_what_is_absent_is_left_out() -> None:
    """No attribute says None or nothing; the full one says everything."""
    plain = to_attributes(seen())

    assert all(value not in (None, "", ()) for value in plain.values())
    assert set(plain) < set(FULL)
    assert back(fullest()) == fullest()


@given(stamp=st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)))
def test_stamps_are_exact_to_the_microsecond(stamp: datetime) -> None:
    """Nanoseconds and back."""
    assert from_ns(to_ns(stamp)) == stamp


def refusal(**changes: Any) -> str:
    """What the reader says to the full observation with *changes*; a value of ... removes the attribute."""
    changed = {name: value for name, value in (FULL | changes).items() if value is not ...}
    with pytest.raises(WireError) as caught:
        from_attributes(changed, start_ns=START, end_ns=END)
    return str(caught.value)


@pytest.mark.parametrize("name", sorted(set(FULL) - UNREAD))
@pytest.mark.parametrize("wrong", [b"bytes", {"a": "map"}, ["text"]], ids=["bytes", "map", "list of text"])
def test_a_value_of_the_wrong_type_is_refused_by_name(name: str, wrong: object) -> None:
    """Whatever attribute it is."""
    assert f"attribute {name}" in refusal(**{name: wrong})


@pytest.mark.parametrize("name", [f"touchstone.{name}" for name in REQUIRED])
def test_what_is_missing_is_refused_by_name(name: str) -> None:
    """Without it there is no identity, or no outcome."""
    assert refusal(**{name: ...}) == f"attribute {name}: missing"


OUT_OF_RANGE: list[tuple[str, object]] = [
    ("touchstone.target", ""),
    ("touchstone.target", "x" * 501),
    ("touchstone.tick_ms", -1),
    ("touchstone.tick_ms", 2**61),
    ("touchstone.tick_ms", 7_258_118_400_000),
    ("touchstone.tick_ms", True),
    ("touchstone.tick_ms", 1.5),
    ("touchstone.attempt", 16),
    ("touchstone.attempt", -1),
    ("touchstone.outcome", "splendid"),
    ("touchstone.outcome", "ok"),
    ("error.type", "bad_weather"),
    ("error.type", "observer_offline"),
    ("touchstone.source", "rumour"),
    ("touchstone.simulated", 1),
    ("touchstone.loop_lag_ms", float("nan")),
    ("touchstone.loop_lag_ms", False),
    ("touchstone.total_ms", float("inf")),
    ("touchstone.total_ms", -1e300),
    ("touchstone.arrivals_ms", [1.0, float("nan")]),
    ("touchstone.arrivals_ms", [1.0] * 20_001),
    ("touchstone.arrivals_ms", 1.0),
    ("touchstone.streams_open", -1),
    ("touchstone.bytes_in", 2**63),
    ("touchstone.tokens.chunks", 2**32),
    ("gen_ai.usage.input_tokens", 2**32),
    ("gen_ai.usage.output_tokens", -1),
    ("http.response.status_code", 1000),
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE, ids=lambda value: repr(value)[:40])
def test_a_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    """The message names the attribute, in short or in full, and stays short itself."""
    said = refusal(**{name: value})

    assert name in said or name.rpartition(".")[2] in said or (name == "error.type" and "reason" in said)
    assert len(said) < 300


@pytest.mark.parametrize(("start", "end"), [(-1, END), (START, 2**63), (2**64, END)])
def test_a_stamp_outside_the_years_is_refused(start: int, end: int) -> None:
    """1970 to 2200."""
    with pytest.raises(WireError, match="out of range"):
        from_attributes(FULL, start_ns=start, end_ns=end)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(FULL)), VALUES | st.lists(VALUES, max_size=3), max_size=4),
    start=st.integers(0, 2**64 - 1),
)
def test_anything_else_is_an_observation_or_a_wire_error(changes: dict[str, object], start: int) -> None:
    """No other error, whatever the attributes hold; what is read can be written again."""
    try:
        read = from_attributes(FULL | changes, start_ns=start, end_ns=END)
    except WireError:
        return
    assert back(read) == read
