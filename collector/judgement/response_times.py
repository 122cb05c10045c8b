"""How paging and the people behind it do: pages a week, time to page, to acknowledge, to repair. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from schemas.incident import Severity

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """One incident as it was handled; instants are None where it did not come to that."""

    severity: Severity
    drill: bool
    failed_at: datetime
    opened_at: datetime
    paged_at: datetime | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    pages: int  # delivered, openings and closings, over all destinations


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseTimes:
    """
    Over a window; medians in seconds with how many they are of. Drills count for `page_s` of drills alone.

    mtta: from the first page to the acknowledgement. mttr: from the first failure to the end.
    """

    days: float
    incidents: Mapping[str, int]  # by severity
    pages: int
    pages_a_week: float
    unpaged: int
    to_page_s: float | None
    to_page_n: int
    mtta_s: float | None
    mtta_n: int
    mttr_s: float | None
    mttr_n: int
    drills: int
    drills_delivered: int
    drill_to_page_s: float | None


def response_times(handled: Sequence[Handled], window: timedelta) -> ResponseTimes:
    """The figures of incidents whose first failure was in *window*."""
    real = [one for one in handled if not one.drill]
    drills = [one for one in handled if one.drill]
    to_page = _seconds((one.failed_at, one.paged_at) for one in real)
    to_acknowledge = _seconds((one.paged_at, one.acknowledged_at) for one in real)
    to_repair = _seconds((one.failed_at, one.resolved_at) for one in real)
    drilled = _seconds((one.failed_at, one.paged_at) for one in drills)
    pages = sum(one.pages for one in real)
    return ResponseTimes(
        days=window / timedelta(days=1),
        incidents=dict(sorted(Counter(one.severity.value for one in real).items())),
        pages=pages,
        pages_a_week=pages * (WEEK / window),
        unpaged=sum(one.paged_at is None for one in real),
        to_page_s=_median(to_page),
        to_page_n=len(to_page),
        mtta_s=_median(to_acknowledge),
        mtta_n=len(to_acknowledge),
        mttr_s=_median(to_repair),
        mttr_n=len(to_repair),
        drills=len(drills),
        drills_delivered=len(drilled),
        drill_to_page_s=_median(drilled),
    )


def _seconds(spans: Iterable[tuple[datetime | None, datetime | None]]) -> list[float]:
    return [(end - start).total_seconds() for start, end in spans if start is not None and end is not None]


def _median(seconds: Sequence[float]) -> float | None:
    return median(seconds) if seconds else None
