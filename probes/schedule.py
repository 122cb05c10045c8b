"""Ticks: a grid anchored at the epoch, with a phase hashed from the subject, so that nothing drifts or bunches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def phase_ms(key: str, interval_ms: int) -> int:
    """Where in its interval a subject ticks: 0..interval, from the hash of its key."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % interval_ms


def tick_after(key: str, interval_s: float, instant: datetime) -> datetime:
    """The first tick strictly after *instant* (aware), at millisecond resolution."""
    interval = round(interval_s * 1000)
    phase = phase_ms(key, interval)
    past = (instant - _EPOCH) // timedelta(milliseconds=1)
    return _EPOCH + timedelta(milliseconds=((past - phase) // interval + 1) * interval + phase)


def tick_number(tick: datetime, interval_s: float) -> int:
    """Which interval since the epoch *tick* falls in."""
    return (tick - _EPOCH) // timedelta(milliseconds=1) // round(interval_s * 1000)


def ticks_between(key: str, interval_s: float, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every tick of (start, end], ascending."""
    tick = tick_after(key, interval_s, start)
    while tick <= end:
        yield tick
        tick += timedelta(milliseconds=round(interval_s * 1000))


def confirm_gap_s(key: str, tick: datetime, attempt: int, low_s: float, high_s: float) -> float:
    """How long to wait before a re-probe: between *low_s* and *high_s*, hashed, so that re-probes do not bunch."""
    share = phase_ms(f"{key}|{tick.isoformat()}|{attempt}", 1_000_000) / 1_000_000
    return low_s + (high_s - low_s) * share
