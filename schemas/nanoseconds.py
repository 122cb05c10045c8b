"""Stamps as OTLP has them: nanoseconds since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schemas.errors import WireError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_NS = 7_258_118_400_000_000_000  # the year 2200


def to_ns(stamp: datetime) -> int:
    """Nanoseconds since the epoch, exact to the microsecond."""
    return (stamp - _EPOCH) // timedelta(microseconds=1) * 1000


def from_ns(nanoseconds: int) -> datetime:
    """The aware UTC stamp of *nanoseconds* since the epoch; raises WireError outside the years 1970 to 2200."""
    if not 0 <= nanoseconds < LAST_NS:
        raise WireError(f"time stamp out of range: {nanoseconds} ns")
    return _EPOCH + timedelta(0, 0, nanoseconds // 1000)
