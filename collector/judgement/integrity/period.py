"""The period that evidence is of. Its first day is fixed beforehand, so that it does not depend on what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

PERIOD_DAYS = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def period_start(at: datetime) -> datetime:
    """The first instant: a midnight 30 to 60 days before *at*; a new period begins every thirty days."""
    days = (at - _EPOCH) // timedelta(days=1)
    return _EPOCH + timedelta(days=(days // PERIOD_DAYS - 1) * PERIOD_DAYS)
