"""Days until an engine is full: by the trend of whole days, with the soonest that they allow."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest

from collector.judgement.capacity.insufficient import Insufficient
from collector.judgement.capacity.saturation import Course, Saturation, saturation
from tests.support.engine_pages import days

TODAY = date(2026, 11, 24)  # the day after the last of fourteen


def found(levels: list[float], **others: int) -> Saturation:
    """The trend of *levels*, one a day up to yesterday."""
    said = saturation(days(levels, **others), TODAY, confidence=0.95)
    assert isinstance(said, Saturation), said
    return said


def rising(slope: float, start: float = 0.6, noise: float = 0.004) -> list[float]:
    """Fourteen days."""
    dice = Random(7)
    return [start + slope * number + dice.uniform(-noise, noise) for number in range(14)]


@pytest.mark.parametrize(
    ("levels", "course"),
    [
        (rising(0.01), Course.GROWING),
        (rising(0.0), Course.NO_TREND),
        (rising(-0.01), Course.FALLING),
        (rising(0.0, start=0.97), Course.FULL),
        ([0.6] * 14, Course.NO_TREND),
    ],
)
def test_where_the_peaks_go(levels: list[float], course: Course) -> None:
    """By the limits of the slope, not by the slope."""
    assert found(levels).course is course


def test_growth_says_when_and_not_before_when() -> None:
    """One point a day from 0.60: 0.95 is 35 days after the first, 21 after today; the steepest limit comes sooner."""
    said = found(rising(0.01))

    assert said.days is not None and said.not_before is not None
    assert 19 <= said.not_before <= said.days <= 22
    assert (said.n, round(said.level, 2)) == (14, 0.74)


def test_no_growth_reaches_nothing_within_the_horizon() -> None:
    """A flat line is not full in a year, and a full one is full today."""
    assert (found([0.6] * 14).days, found([0.6] * 14).not_before) == (None, None)
    full = found(rising(0.0, start=0.97))
    assert (full.days, full.not_before) == (0, 0)


@pytest.mark.parametrize("others", [{"n": 99}, {"hours": 19}])
def test_a_day_that_was_hardly_looked_at_is_no_day(others: dict[str, int]) -> None:
    """Half a day has half its curve."""
    said = saturation(days([0.6] * 14, **others), TODAY, confidence=0.95)

    assert said == Insufficient("0 of 7 days", 0)


def test_six_days_are_too_few() -> None:
    """A weekday would be missing."""
    assert saturation(days([0.6] * 6), TODAY, confidence=0.95) == Insufficient("6 of 7 days", 6)
