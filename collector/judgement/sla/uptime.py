"""
Uptime as a contract counts it, in four formulae, exactly: fractions, never floats.

Each is given three times: as the contract reads it, which takes what nobody saw for up; and with all unknown time down,
and up. Sources of the formulae: docs/sla.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from collector.judgement.sla.record import Record, Slot
from schemas.contract import DowntimeMinutes, Formula, LatencyAttainment, MeanOfIntervals, RequestRatio

MINUTE_S = 60
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Uptime:
    """Shares from 0 to 1: low with all unknown time down, high with all of it up; low <= counted <= high."""

    counted: Fraction
    low: Fraction
    high: Fraction


def slot_s(formula: Formula, every_s: float) -> int:
    """How long a slot is that *formula* counts by, in whole minutes; no shorter than *every_s*, how often we look."""
    match formula:
        case DowntimeMinutes():
            wanted = float(MINUTE_S)
        case RequestRatio():
            wanted = float(HOUR_S)
        case _:
            wanted = formula.interval
    return math.ceil(max(wanted, every_s) / MINUTE_S) * MINUTE_S


def uptime(record: Record, formula: Formula) -> Uptime | None:
    """The uptime of *record*; None when not one request is known."""
    if record.total.known == 0 or record.n == 0:
        return None
    match formula:
        case MeanOfIntervals():
            return _by_slots(record, _error_rate)
        case DowntimeMinutes():
            return _by_minutes(record, formula)
        case RequestRatio():
            return _by_requests(record, record.total.failed, record.total.known, record.total.unknown)
        case LatencyAttainment(of="answers"):
            total = record.total
            return _by_requests(record, total.late, total.timed, total.good - total.timed + total.unknown)
        case LatencyAttainment():
            return _by_slots(record, lambda slot, unknown: _missed(slot, unknown, formula.share))


def downtime(record: Record, formula: Formula) -> tuple[range, ...]:
    """The slots that count against the provider, as runs of their numbers, in order."""
    match formula:
        case DowntimeMinutes():
            return tuple(_down_runs(record, formula, None))
        case LatencyAttainment(of="intervals"):
            bad = (number for number, slot in record.slots.items() if _missed(slot, None, formula.share))
        case LatencyAttainment():
            bad = (number for number, slot in record.slots.items() if slot.late)
        case _:
            bad = (number for number, slot in record.slots.items() if slot.failed)
    return tuple(_runs(bad))


def _error_rate(slot: Slot, unknown: bool | None) -> Fraction:
    """The share of failures; *unknown*: whether the unknown ones failed, None to leave them out."""
    known = slot.known if unknown is None else slot.all
    return Fraction(slot.failed + (slot.unknown if unknown else 0), known) if known else Fraction(0)


def _missed(slot: Slot, unknown: bool | None, share: Decimal) -> Fraction:
    """1 when fewer than *share* of the answers were in time; *unknown*: whether those nobody timed were late."""
    others = slot.good - slot.timed + slot.unknown
    n = slot.timed if unknown is None else slot.timed + others
    in_time = slot.timed - slot.late + (others if unknown is False else 0)
    return Fraction(0) if n == 0 or Fraction(in_time, n) >= Fraction(share) else Fraction(1)


def _by_slots(record: Record, lost: Callable[[Slot, bool | None], Fraction]) -> Uptime:
    """One minus the mean of what was *lost* in each slot."""
    n, slots = record.n, record.slots.values()
    down = sum((lost(slot, True) for slot in slots), Fraction(record.unseen))
    return Uptime(
        counted=1 - sum((lost(slot, None) for slot in slots), Fraction(0)) / n,
        low=1 - min(Fraction(n), down) / n,
        high=1 - sum((lost(slot, False) for slot in slots), Fraction(0)) / n,
    )


def _by_minutes(record: Record, formula: DowntimeMinutes) -> Uptime:
    """One minus the share of minutes in runs that are down."""
    n = record.n
    return Uptime(
        counted=Fraction(n - _down_n(record, formula, None), n),
        low=Fraction(max(0, n - _down_n(record, formula, True) - record.unseen), n),
        high=Fraction(n - _down_n(record, formula, False), n),
    )


def _down_n(record: Record, formula: DowntimeMinutes, unknown: bool | None) -> int:
    return sum(len(run) for run in _down_runs(record, formula, unknown))


def _down_runs(record: Record, formula: DowntimeMinutes, unknown: bool | None) -> Iterator[range]:
    """Runs of minutes that are down for long enough."""
    shortest = max(1, math.ceil(formula.run * MINUTE_S / record.slot_s))
    over = Fraction(formula.error_rate)
    bad = (number for number, slot in record.slots.items() if _error_rate(slot, unknown) > over)
    return (run for run in _runs(bad) if len(run) >= shortest)


def _runs(numbers: Iterable[int]) -> Iterator[range]:
    """The runs of consecutive *numbers*."""
    begins = ends = None
    for number in sorted(numbers):
        if begins is not None and number == ends:
            ends = number + 1
            continue
        if begins is not None and ends is not None:
            yield range(begins, ends)
        begins, ends = number, number + 1
    if begins is not None and ends is not None:
        yield range(begins, ends)


def _by_requests(record: Record, bad: int, n: int, unknown: int) -> Uptime | None:
    """The share of *n* requests that are not *bad*; beside it the *unknown* ones and those of time that nobody saw."""
    if n == 0:
        return None
    if seen := record.n - record.unseen:
        unknown += round(Fraction(record.total.all * record.unseen, seen))
    return Uptime(
        counted=1 - Fraction(bad, n),
        low=1 - Fraction(bad + unknown, n + unknown),
        high=1 - Fraction(bad, n + unknown),
    )
