"""A change has a date and accuses nobody; noise, a bad day and too short a record are no change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.judgement.integrity.change import WATCHED, change, daily, total_variation
from collector.judgement.integrity.persistence import Day, Event, events
from schemas.evidence import Family, Grade, Standing
from schemas.sample import KeptSample

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 20), min_size=1)


def border(answer: Callable[[int, np.random.Generator], str], days: range, seed: int = 1) -> list[KeptSample]:
    """Five inputs asked three times on each of *days*; *answer* takes the day."""
    chance = np.random.default_rng(seed)
    return [
        KeptSample(
            BEGAN + timedelta(days=day, minutes=time), "p", "p/c", "p/c/t", "v", "border", f"s:{item:03}", 0.0,
            answer(day, chance),
        )
        for day in days
        for item in range(5)
        for time in range(3)
    ]  # fmt: skip


def either(_: int, chance: np.random.Generator) -> str:
    """The same model: yes on two thirds."""
    return "yes" if chance.random() < 2 / 3 else "no"


def swapped_on(onset: int, until: int = 10**6) -> Callable[[int, np.random.Generator], str]:
    """Another model from *onset* to *until*."""
    return lambda day, chance: "oui" if onset <= day < until else either(day, chance)


def on(day: int) -> date:
    """The date of the day from 0."""
    return (BEGAN + timedelta(days=day)).date()


def test_a_swap_is_an_event_with_its_day_raised_two_days_later() -> None:
    """And weighs nothing against the provider."""
    found = change("p/c/t", border(swapped_on(30), range(40)))

    assert (found.standing, found.reason, found.e) == (Standing.NOTICED, "changed", 1.0)
    assert (found.family, found.grade) == (Family.CHANGE, Grade.CHANGE)
    assert found.said == f"{WATCHED.reasons['changed']}: since 2026-01-31"
    assert events(daily(border(swapped_on(30), range(40)))) == (Event(on(30), on(32)),)
    assert found.value is not None and found.threshold is not None and found.value > found.threshold >= 0.2
    assert found.arithmetic[-1] == "off on 3 days from 2026-01-31, raised 2026-02-02"


def test_the_same_model_is_steady_and_says_what_would_have_been_noticed() -> None:
    """Forty days of it."""
    found = change("p/c/t", border(either, range(40)))

    assert (found.standing, found.reason, found.e) == (Standing.NOT_REJECTED, "steady", 1.0)
    assert found.smallest.startswith("a lasting shift of the total variation by 0.")
    assert len(found.arithmetic) == 35


def test_two_days_are_no_change_and_a_gap_is_neither_good_nor_bad() -> None:
    """A third day off makes it one, also when a day without answers lies between."""
    assert events(daily(border(swapped_on(30, 32), range(45)))) == ()
    gap = border(swapped_on(30, 34), range(31)) + border(swapped_on(30, 34), range(32, 45), seed=2)
    assert events(daily(gap)) == (Event(on(30), on(33)),)


def test_a_swap_back_is_a_second_event() -> None:
    """After the new has become the usual."""
    found = events(daily(border(swapped_on(30, 60), range(70))))

    assert [event.onset for event in found] == [on(30), on(60)]


@pytest.mark.parametrize(("days", "reason"), [(0, "too_few_answers"), (5, "too_few_answers"), (19, "too_few_days")])
def test_too_short_a_record_is_insufficient(days: int, reason: str) -> None:
    """Five days of reference, ten of window and four that are left out come first."""
    found = change("p/c/t", border(either, range(days)))

    assert (found.standing, found.reason, found.value) == (Standing.INSUFFICIENT, reason, None)
    assert change("p/c/t", border(either, range(20))).standing is Standing.NOT_REJECTED


def test_days_with_too_few_answers_and_other_series_are_passed_over() -> None:
    """Two inputs are not enough."""
    two = [one for one in border(either, range(30)) if one.item in {"s:000", "s:001"}]

    assert change("p/c/t", two).reason == "too_few_answers"
    assert daily([one for one in border(either, range(30)) if one.series != "border"]) == ()


def test_a_form_of_writing_is_no_change() -> None:
    """A space before the word since a day."""
    spaced = border(lambda day, chance: (" " if day >= 30 else "") + either(day, chance), range(40))

    assert change("p/c/t", spaced).standing is Standing.NOT_REJECTED


def test_the_window_is_fourteen_days_that_end_five_days_before() -> None:
    """Recounted by hand from the days' variations."""
    days = daily(border(either, range(40)))
    window = [one.value for one in days[-19:-5]]

    assert days[-1].mean == pytest.approx(fmean(window))
    assert days[-1].sigma == pytest.approx(stdev(window))
    assert days[13].mean is None and days[14].mean is not None


def test_a_noisy_window_needs_four_sigma() -> None:
    """0.3 away is an event beside a sigma of 0.02, and none beside 0.1; 0.2 away is none."""
    assert Day(WATCHED, on(0), 0.5, 15, 0.2, 0.02).off
    assert not Day(WATCHED, on(0), 0.5, 15, 0.2, 0.1).off
    assert not Day(WATCHED, on(0), 0.4, 15, 0.2, 0.0).off
    assert Day(WATCHED, on(0), 0.0, 15, 0.3, 0.02).off


@given(COUNTS, COUNTS)
def test_total_variation_is_the_largest_difference_over_all_events(p: dict[str, int], q: dict[str, int]) -> None:
    """Its other definition, over every set of words."""
    words = sorted({*p, *q})
    n, m = sum(p.values()), sum(q.values())
    sets = ([word for place, word in enumerate(words) if mask >> place & 1] for mask in range(2 ** len(words)))
    largest = max(abs(sum(p.get(w, 0) for w in one) / n - sum(q.get(w, 0) for w in one) / m) for one in sets)

    assert total_variation(p, q) == pytest.approx(largest)
