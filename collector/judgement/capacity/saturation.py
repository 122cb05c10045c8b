"""When an engine will be full: a robust trend of the daily 95th percentiles of its KV share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from collector.judgement.capacity.facts import LOOKS_MIN, DayLevel
from collector.judgement.capacity.headroom import FULL
from collector.judgement.capacity.insufficient import Insufficient
from collector.judgement.capacity.theil_sen import theil_sen

DAYS_MIN = 7  # so that every day of the week is among them
HOURS_MIN = 20  # of a day's 24 in which its page was read: half a day is no day
HORIZON_D = 365  # nothing is said of what lies farther


class Course(StrEnum):
    """Where the daily peaks go."""

    FULL = "full"  # they are there already
    GROWING = "growing"  # even the flattest slope that the days allow goes up
    NO_TREND = "no_trend"  # they allow up and down
    FALLING = "falling"


@dataclass(frozen=True, slots=True)
class Saturation:
    """
    The trend of *n* days: the KV share changes by *slope* a day, by *low* to *high* at the confidence asked for.

    level: on the line, today. days: until the line is at FULL, None when it does not go there within HORIZON_D;
    not_before: the same of the steepest line, so that it is not full any sooner.
    """

    course: Course
    slope: float
    low: float
    high: float
    level: float
    days: int | None
    not_before: int | None
    n: int


def saturation(days: Iterable[DayLevel], today: date, *, confidence: float) -> Saturation | Insufficient:
    """When what *days* say reaches FULL, counted from *today*; days that were hardly looked at do not count."""
    whole = [one for one in days if one.hours >= HOURS_MIN and one.n >= LOOKS_MIN]
    if len(whole) < DAYS_MIN:
        return Insufficient(f"{len(whole)} of {DAYS_MIN} days", len(whole))
    line = theil_sen([(one.day.toordinal(), one.p95) for one in whole], confidence=confidence)
    here = today.toordinal()
    level = line.at(here)
    return Saturation(
        course=_course(level, line.low, line.high),
        slope=line.slope,
        low=line.low,
        high=line.high,
        level=level,
        days=_days(level, line.slope),
        not_before=_days(max(level, line.at(here, line.high)), line.high),
        n=len(whole),
    )


def _course(level: float, low: float, high: float) -> Course:
    if level >= FULL:
        return Course.FULL
    if low > 0:
        return Course.GROWING
    return Course.FALLING if high < 0 else Course.NO_TREND


def _days(level: float, slope: float) -> int | None:
    """Whole days until a line at *level* with *slope* is at FULL; None beyond the horizon."""
    if level >= FULL:
        return 0
    if slope * HORIZON_D <= FULL - level:
        return None
    return math.floor((FULL - level) / slope)
