"""Uptime by each formula, against figures worked out by hand, and against a walk over every slot."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from collector.judgement.sla.record import Record, Slot
from collector.judgement.sla.uptime import Uptime, slot_s, uptime
from schemas.contract import Formula
from tests.support.contracts import record

FORMULA: TypeAdapter[Any] = TypeAdapter(Formula)
MEAN = {"kind": "mean_of_intervals"}
MINUTES = {"kind": "downtime_minutes", "error_rate": "5%", "run": 5}
RATIO = {"kind": "request_ratio"}
LATE = {"kind": "latency_attainment", "first_token": "2s"}
LATE_INTERVALS = LATE | {"of": "intervals", "share": "90%"}
DAY = 86_400


def of(said: dict[str, Any]) -> Any:
    """The formula that *said* describes."""
    return FORMULA.validate_python(said)


@pytest.mark.parametrize(
    ("said", "seen", "counted"),
    [
        (MEAN, record({}), Fraction(1)),
        (MEAN, record({7: Slot(good=3, failed=1)}), 1 - Fraction(1, 4) / 8640),
        (MEAN, record({7: Slot(failed=5), 8: Slot(failed=5)}), 1 - Fraction(2, 8640)),
        (MEAN, record({7: Slot(unknown=5)}), Fraction(1)),  # an interval without requests is up
        (MINUTES, record({3: Slot(failed=1)}, slot_s=60), Fraction(1)),  # one minute is no run of five
        (MINUTES, record({n: Slot(failed=1) for n in range(10, 14)}, slot_s=60), Fraction(1)),
        (MINUTES, record({n: Slot(failed=1) for n in range(10, 15)}, slot_s=60), 1 - Fraction(5, 43_200)),
        (MINUTES, record({n: Slot(good=19, failed=1) for n in range(9)}, slot_s=60), Fraction(1)),  # 5 % is not more
        (MINUTES, record({n: Slot(good=18, failed=1) for n in range(9)}, slot_s=60), 1 - Fraction(9, 43_200)),
        (MINUTES, record({n: Slot(failed=1) for n in (1, 2, 3, 5, 6, 7)}, slot_s=60), Fraction(1)),  # broken runs
        (MINUTES, record({4: Slot(failed=1)}, slot_s=300), 1 - Fraction(1, 8640)),  # looked at every five minutes
        (RATIO, record({0: Slot(good=8, failed=2)}, days=1, slot_s=3600, by_slot=10), Fraction(238, 240)),
        (LATE, record({0: Slot(good=9, timed=9, late=3)}, days=1, slot_s=3600), Fraction(121, 124)),
        (LATE_INTERVALS, record({0: Slot(good=9, timed=9, late=1)}, days=1), 1 - Fraction(1, 288)),  # 89 % in time
        (LATE_INTERVALS, record({0: Slot(good=10, timed=10, late=1)}, days=1), Fraction(1)),  # 90 % is enough
    ],
)
def test_each_formula_counts_as_its_contract_says(said: dict[str, Any], seen: Record, counted: Fraction) -> None:
    """Worked out by hand; exact, so that what is on a line is on it."""
    found = uptime(seen, of(said))

    assert found is not None
    assert found.counted == counted
    assert found.low <= found.counted <= found.high


@pytest.mark.parametrize("said", [MEAN, MINUTES, RATIO, LATE, LATE_INTERVALS])
def test_a_month_without_data_has_no_uptime(said: dict[str, Any]) -> None:
    """Nobody asked, or nobody knows: neither up nor down."""
    formula = of(said)
    blind = Record("acme", record().begins, record().until, slot_s(formula, 60), {})
    unknown = record({n: Slot(unknown=1) for n in range(24)}, days=1, slot_s=3600)

    assert uptime(blind, formula) is None
    assert uptime(unknown, formula) is None


def test_unknown_time_is_a_range() -> None:
    """A day of thirty in which nobody looked: up as the contract reads it, a thirtieth of the month if it was down."""
    n = 30 * 24 * 12
    seen = record({n - 300: Slot(unknown=5)}, seen=(0, n - 289))

    assert uptime(seen, of(MEAN)) == Uptime(Fraction(1), 1 - Fraction(288 + 1, n), Fraction(1))
    assert uptime(seen, of(MINUTES | {"run": 1, "error_rate": "0%"})) == Uptime(
        Fraction(1), 1 - Fraction(288 + 1, n), Fraction(1)
    )


def test_requests_that_nobody_sent_widen_a_ratio_of_requests() -> None:
    """As many as were sent in the time that was seen."""
    seen = record({0: Slot(good=9, failed=1)}, days=2, slot_s=3600, by_slot=10, seen=(0, 23))

    found = uptime(seen, of(RATIO))

    assert found == Uptime(1 - Fraction(1, 240), 1 - Fraction(241, 480), 1 - Fraction(1, 480))


@pytest.mark.parametrize(
    ("said", "every_s", "expected"),
    [(MEAN, 60, 300), (MEAN, 900, 900), (MINUTES, 10, 60), (MINUTES, 90, 120), (RATIO, 60, 3600), (LATE, 30, 300)],
)
def test_a_slot_is_no_shorter_than_we_look(said: dict[str, Any], every_s: float, expected: int) -> None:
    """Whole minutes; a minute that is looked at every five is five long."""
    assert slot_s(of(said), every_s) == expected


SLOTS = st.dictionaries(
    st.integers(0, 59),
    st.builds(Slot, good=st.integers(0, 3), failed=st.integers(0, 3), unknown=st.integers(0, 3)),
    max_size=30,
)


@given(slots=SLOTS, run=st.integers(1, 6))
def test_minutes_equal_a_walk_over_every_minute(slots: dict[int, Slot], run: int) -> None:
    """The same as counting, minute after minute, how long it has been down."""
    seen = record(slots, days=1 / 24, slot_s=60, by_slot=1)
    found = uptime(seen, of(MINUTES | {"run": run}))
    down = [
        slot.known > 0 and slot.failed * 20 > slot.known for n in range(60) for slot in [slots.get(n, Slot(good=1))]
    ]
    lasting = "".join("x" if one else " " for one in down).split()
    expected = sum(len(one) for one in lasting if len(one) >= run)

    assert found is None or found.counted == Fraction(60 - expected, 60)


@given(slots=SLOTS, more=st.integers(0, 59), said=st.sampled_from([MEAN, MINUTES, RATIO]))
def test_uptime_never_grows_with_downtime(slots: dict[int, Slot], more: int, said: dict[str, Any]) -> None:
    """One more failure in any slot: no figure is better for it."""
    slot = slots.get(more, Slot(good=1))
    worse = slots | {more: Slot(slot.good, slot.failed + 1, slot.unknown)}
    before = uptime(record(slots, days=1 / 24, slot_s=60, by_slot=1), of(said))
    after = uptime(record(worse, days=1 / 24, slot_s=60, by_slot=1), of(said))

    assert after is not None
    assert before is None or (after.counted <= before.counted and after.low <= before.low and after.high <= before.high)
