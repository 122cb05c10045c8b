"""The window up to now that a page shows and a command prints."""

from __future__ import annotations

from datetime import datetime, timedelta


def until_now(now: datetime, span: timedelta) -> tuple[datetime, datetime]:
    """[start, end) of the last *span*; the end is the next whole minute, so that all who ask in it ask alike."""
    end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return end - span, end
