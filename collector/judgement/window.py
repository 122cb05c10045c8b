"""The window up to now that a page shows and a command prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

STEPS = tuple(timedelta(minutes=minutes) for minutes in (60, 15, 5, 1))
STEPS_MIN = 2_000  # of a window: finer than any chart of it


def until_now(now: datetime, span: timedelta) -> tuple[datetime, datetime]:
    """
    [start, end) of the last *span*, so that all who ask within a step ask alike, and only the first has to wait.

    The end is the next border of an hour for 90 days, of 15 minutes for 30, of 5 for a week, of a minute for a day:
    what is still to come of it holds nothing yet.
    """
    step = next((step for step in STEPS if span / step >= STEPS_MIN), STEPS[-1])
    end = _border(now, step) + step
    return end - span, end


def from_an_hour(at: datetime, span: timedelta) -> datetime:
    """
    The border of an hour, in UTC, in which the last *span* before *at* begins: whole hours are read from rollups.

    What cuts an hour comes from facts, and of a day of every provider those are a million.
    """
    return _border(at - span, STEPS[0])


def _border(instant: datetime, step: timedelta) -> datetime:
    """The last border of a *step* that is not after *instant*."""
    return datetime.fromtimestamp(instant.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
