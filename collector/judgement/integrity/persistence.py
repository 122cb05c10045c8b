"""
A daily figure held to its own past: since when is it off, for days on end? Class C: a date, no p-value.

Each day's difference from earlier days, against the 14 days before (the last 4 left out): an event when it is off by
more than a fixed least and by more than 4 sigma on three consecutive days (B3IT, arXiv 2602.11083). The unit is the
day, because requests of one day vary together: a test that takes each for itself finds a change on honest days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, stdev

from schemas.evidence import Evidence, Family, Grade, Standing

REFERENCE_DAYS = 5  # that a day is compared with
WINDOW_DAYS, LEFT_OUT_DAYS = 14, 4
WINDOW_DAYS_MIN = 10
PERSISTENCE_DAYS = 3
SIGMAS = 4.0
CHANGED, STEADY = "changed", "steady"  # the reasons that say something; any other is insufficient


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """
    What a check holds to its past: *figure*, in *unit*; less than *least* of it is no change.

    falls: whether it is a change, too, when the figure is smaller than it was. reasons: its whole vocabulary, of which
    `changed` and `steady` say something.
    """

    check: str
    claim: str
    figure: str
    unit: str
    least: float
    falls: bool
    reasons: Mapping[str, str]
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """
    A day's figure, of how many answers, and the window that it is held to (None before there is one).

    off: it exceeds both limits.
    """

    watched: Watched
    day: date
    value: float
    answers: int
    mean: float | None = None
    sigma: float | None = None

    @property
    def limit(self) -> float | None:
        """How far from the window's mean it must be."""
        return None if self.sigma is None else max(self.watched.least, SIGMAS * self.sigma)

    @property
    def away(self) -> float | None:
        """How far it is from the window's mean; below 0 on the side that is no change."""
        if self.mean is None:
            return None
        return abs(self.value - self.mean) if self.watched.falls else self.value - self.mean

    @property
    def off(self) -> bool:
        """Whether it is farther than that."""
        return self.away is not None and self.limit is not None and self.away > self.limit


@dataclass(frozen=True, slots=True)
class Event:
    """A change: since when, and the day on which it was established."""

    onset: date
    raised: date


def held(watched: Watched, figures: Iterable[tuple[date, float, int]]) -> tuple[Day, ...]:
    """(day, value, answers) in the order of days, each held to the values before it."""
    found: list[Day] = []
    for day, value, answers in figures:
        mean, sigma = _window([one.value for one in found])
        found.append(Day(watched, day, value, answers, mean, sigma))
    return tuple(found)


def events(days: Iterable[Day]) -> tuple[Event, ...]:
    """Every run of at least three consecutive days that are off."""
    found: list[Event] = []
    run: list[Day] = []
    for one in days:
        run = [*run, one] if one.off else []
        if len(run) == PERSISTENCE_DAYS:
            found.append(Event(run[0].day, one.day))
    return tuple(found)


def judged(watched: Watched, subject: str, days: Sequence[Day], found: Sequence[Event], otherwise: str) -> Evidence:
    """
    Evidence on *subject* of its *days* and the events *found* in them.

    *otherwise*: the reason where no event was found, `steady` or one of the insufficient.
    """
    reason = CHANGED if found else otherwise
    shown = {one.day: one for one in days}.get(found[-1].raised) if found else (days[-1] if days else None)
    since = f": since {', '.join(str(event.onset) for event in found)}" if found else ""
    return Evidence(
        check=watched.check,
        family=Family.CHANGE,
        grade=Grade.CHANGE,
        subject=subject,
        claim=watched.claim,
        standing={CHANGED: Standing.NOTICED, STEADY: Standing.NOT_REJECTED}.get(reason, Standing.INSUFFICIENT),
        reason=reason,
        said=watched.reasons[reason] + since,
        value=shown.away if shown else None,
        threshold=shown.limit if shown else None,
        unit=watched.unit,
        n=sum(one.answers for one in days),
        assumptions=watched.assumptions,
        days=sum(one.off for one in days),
        smallest=_smallest(watched, days),
        arithmetic=(
            *(_line(one) for one in days),
            *(f"off on {PERSISTENCE_DAYS} days from {event.onset}, raised {event.raised}" for event in found),
        ),
    )


def _window(before: Sequence[float]) -> tuple[float | None, float | None]:
    values = before[: max(0, len(before) - LEFT_OUT_DAYS)][-WINDOW_DAYS:]
    return (fmean(values), stdev(values)) if len(values) >= WINDOW_DAYS_MIN else (None, None)


def _smallest(watched: Watched, days: Sequence[Day]) -> str:
    limit = days[-1].limit if days else None
    if limit is None:
        return "nothing yet"
    return f"a lasting shift of the {watched.figure} by {limit:.2f}, on its third day"


def _line(one: Day) -> str:
    watched, said = one.watched, f"{one.day}: {one.watched.figure} {one.value:.3f} of {one.answers} answers"
    if one.mean is None or one.sigma is None:
        return f"{said}; no window yet"
    away = f"{one.value:.3f} - {one.mean:.3f}"
    away = f"|{away}|" if watched.falls else away
    limit = f"max({watched.least:g}, {SIGMAS:g} x {one.sigma:.3f}) = {one.limit:.3f}"
    return f"{said}; {away} = {one.away:.3f}, limit {limit}"
