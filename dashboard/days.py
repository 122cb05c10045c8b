"""How many days the dashboard's bars show; what a bar says is in collector/judgement/day_marks.py."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from collector.storage.day_bars import DayBar

SPANS = (30, 60, 90)


def span(bars: Iterable[DayBar], today: date) -> int:
    """How many days to show: 30, or 60 or 90 when there is anything that old."""
    oldest = min((bar.day for bar in bars), default=today)
    return next((days for days in SPANS if oldest > today - timedelta(days=days + 1)), SPANS[-1])
