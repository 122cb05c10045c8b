"""Rows of the gauntlet, from what a receiver heard."""

from __future__ import annotations

from typing import Any

import pytest

from bench.page import rows
from bench.page.arrival import Arrival, Said, What
from bench.page.rows import Heard, RowRule, Values

ZERO_S = 1000.0


def arrival(at_s: float, subject: str = "a", what: What = What.OPENED, *, taken: bool = True, key: str = "") -> Arrival:
    """A message so many seconds after the fault."""
    return Arrival(ZERO_S + at_s, "ours", "case", Said(subject, what, key), taken)


def heard(*arrivals: Arrival, subjects: tuple[str, ...] = ("a",), **more: Any) -> Heard:
    """What a receiver heard of *subjects*."""
    return Heard(subjects, arrivals, ZERO_S, **more)


def test_delay_counts_from_the_return_of_the_receiver() -> None:
    """Attempts that it refused are none; a page that never came is missing."""
    found = rows.page_since_return(
        heard(arrival(5, taken=False), arrival(41), arrival(50), subjects=("a", "b"), back_s=ZERO_S + 30)
    )

    assert found == Values((11.0,), missing=1)


def test_a_resolve_is_looked_for_among_the_closings() -> None:
    """Not among the pages."""
    found = rows.resolve_since_return(heard(arrival(95), arrival(97, what=What.CLOSED), back_s=ZERO_S + 90))

    assert found == Values((7.0,))


def test_delay_counts_from_the_first_attempt_that_failed() -> None:
    """Of the same subject."""
    found = rows.since_first_attempt(
        heard(arrival(4, taken=False), arrival(1, "b", taken=False), arrival(6), arrival(3.5, "b"), subjects=("a", "b"))
    )

    assert found == Values((2.0, 2.5))


def test_the_second_receiver_is_measured_from_the_first_attempt_at_the_first() -> None:
    """Whether the first ever took it or not."""
    found = rows.backup_since_first_attempt(heard(arrival(4, taken=False), backup=[arrival(19.5)]))

    assert found == Values((15.5,))
    assert rows.backup_since_first_attempt(heard(arrival(4, taken=False))) == Values((), missing=1)


def test_after_a_restart_only_what_comes_later_counts() -> None:
    """And without a restart there is nothing to measure."""
    found = rows.since_restart(heard(arrival(8), arrival(12), restarted_s=ZERO_S + 10))

    assert found == Values((2.0,))
    assert rows.since_restart(heard(arrival(12))) == Values((), missing=1)


def test_an_outage_is_told_when_its_beginning_and_then_its_end_came() -> None:
    """Of four: told, never told, its end alone, its beginning alone."""
    found = rows.told_percent(
        heard(
            arrival(31), arrival(40, what=What.CLOSED), arrival(40, "c", What.CLOSED), arrival(31, "d"),
            subjects=("a", "b", "c", "d"),
        )
    )  # fmt: skip

    assert found == Values((25.0,))


def test_a_page_with_the_same_key_is_no_duplicate_and_one_without_a_key_is() -> None:
    """Nobody can tell it from a new one."""
    same = heard(arrival(5, key="i.1"), arrival(6, key="i.1"))
    other = heard(arrival(5, key="i.1"), arrival(6, key="j.1"))
    none = heard(arrival(5), arrival(6), arrival(5, "b"), arrival(6, "b"), arrival(7, "b"), subjects=("a", "b"))

    assert rows.duplicates(same) == Values((0.0,))
    assert rows.duplicates(other) == Values((1.0,))
    assert rows.duplicates(none) == Values((3.0,))
    assert rows.deliveries(same) == Values((2.0,))
    assert rows.duplicates(heard()) == Values((0.0,), missing=1)


def test_pages_of_our_own_are_counted_apart() -> None:
    """And every page, one that says worse as well, and every message."""
    whole = heard(
        arrival(5, "observer"), arrival(5.5, "observer", What.OTHER), arrival(6), arrival(7, "b", What.OTHER),
        arrival(8, what=What.CLOSED),
        arrival(9, taken=False), subjects=("a", "b"),
    )  # fmt: skip

    assert rows.observer_pages(whole) == Values((2.0,))
    assert rows.pages(whole) == Values((4.0,))
    assert rows.closings(whole) == Values((1.0,))
    assert rows.messages_each(whole) == Values((2.5,))


@pytest.mark.parametrize(
    ("rule", "values", "reached"),
    [
        ({}, Values((1.0, 3.0)), True),
        ({}, Values((1.0, 3.1)), False),
        ({}, Values((1.0,), missing=1), False),
        ({}, Values(()), False),
        ({"exactly": True}, Values((3.0,)), True),
        ({"exactly": True}, Values((2.0,)), False),
        ({"at_least": True}, Values((3.0,)), True),
        ({"at_least": True}, Values((2.9,)), False),
        ({"bound": None}, Values((9.0,)), None),
    ],
)
def test_an_aim_is_reached_by_the_worst_value_and_only_when_nothing_is_missing(
    rule: dict[str, Any], values: Values, reached: bool | None
) -> None:
    """A page that never came is no good delay."""
    plain: dict[str, Any] = {"name": "x", "unit": "s", "bound": 3.0, "rule": rows.pages} | rule

    assert RowRule(**plain).reached(values) is reached
