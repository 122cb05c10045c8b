"""
Is it the model of last week? Border inputs, whose one-token answer at temperature 0 is not constant. Class C: a date.

Each day's mean total variation from the answers of the first days, against the 14 days before (the last 4 left out):
an event when it is off by more than 0.2 and by more than 4 sigma on three consecutive days (B3IT, arXiv 2602.11083). No
p-value: against a frozen reference an honest endpoint is rejected at p < .01 on a third of its days. A change accuses
nobody: a new version is one, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, stdev

from collector.judgement.integrity.text_form import normalised
from schemas.evidence import Evidence, Family, Grade, Standing
from schemas.sample import KeptSample

CHECK = "change"
SERIES = "border"
REFERENCE_DAYS = 5  # the first ones, which every later day is compared with
WINDOW_DAYS, LEFT_OUT_DAYS = 14, 4
WINDOW_DAYS_MIN = 10
PERSISTENCE_DAYS = 3
VARIATION_MIN = 0.2
SIGMAS = 4.0
INPUTS_MIN, ANSWERS_MIN = 3, 9  # of a day

REASONS: Mapping[str, str] = {
    "changed": "what it answers to border inputs is other than before, since a day that can be named",
    "steady": "what it answers to border inputs varies no more than it did",
    "too_few_days": "there are not yet 18 days of answers to border inputs",
    "too_few_answers": "no day has nine answers to three border inputs",
}
CLAIM = "the model has not changed since the baseline"
ASSUMPTIONS = ("the border inputs were chosen before the first day", "no reasoning before the one token of the answer")


@dataclass(frozen=True, slots=True)
class Day:
    """
    A day's mean total variation over the inputs, and the window that it is held to (None before there is one).

    off: it exceeds both limits.
    """

    day: date
    variation: float
    answers: int
    mean: float | None = None
    sigma: float | None = None

    @property
    def limit(self) -> float | None:
        """How far from the window's mean it must be."""
        return None if self.sigma is None else max(VARIATION_MIN, SIGMAS * self.sigma)

    @property
    def off(self) -> bool:
        """Whether it is farther than that."""
        return self.mean is not None and self.limit is not None and abs(self.variation - self.mean) > self.limit


@dataclass(frozen=True, slots=True)
class Event:
    """A change: since when, and the day on which it was established."""

    onset: date
    raised: date


def change(subject: str, samples: Sequence[KeptSample]) -> Evidence:
    """Evidence on *subject* from its border inputs; samples of other series are left alone."""
    days = daily(samples)
    if not days:
        return _evidence(subject, Standing.INSUFFICIENT, "too_few_answers", days, ())
    if all(one.mean is None for one in days):
        return _evidence(subject, Standing.INSUFFICIENT, "too_few_days", days, ())
    found = events(days)
    return _evidence(
        subject, *((Standing.NOTICED, "changed") if found else (Standing.NOT_REJECTED, "steady")), days, found
    )


def daily(samples: Iterable[KeptSample]) -> tuple[Day, ...]:
    """Every day after the reference days with enough answers; days without are passed over, neither good nor bad."""
    answers = _by_day(samples)
    ordered = sorted(answers)
    reference: dict[str, Counter[str]] = {}
    for day in ordered[:REFERENCE_DAYS]:
        for item, counts in answers[day].items():
            reference.setdefault(item, Counter()).update(counts)
    found: list[Day] = []
    for day in ordered[REFERENCE_DAYS:]:
        shared = {item: counts for item, counts in answers[day].items() if item in reference}
        n = sum(counts.total() for counts in shared.values())
        if len(shared) >= INPUTS_MIN and n >= ANSWERS_MIN:
            variation = fmean(total_variation(counts, reference[item]) for item, counts in shared.items())
            mean, sigma = _window([one.variation for one in found])
            found.append(Day(day, variation, n, mean, sigma))
    return tuple(found)


def total_variation(p: Mapping[str, int], q: Mapping[str, int]) -> float:
    """Half the sum of differences between the shares of two counts, 0 (the same) to 1 (nothing in common)."""
    n, m = sum(p.values()), sum(q.values())
    return sum(abs(p.get(word, 0) / n - q.get(word, 0) / m) for word in {*p, *q}) / 2


def events(days: Sequence[Day]) -> tuple[Event, ...]:
    """Every run of at least three consecutive days that are off."""
    found: list[Event] = []
    run: list[Day] = []
    for one in days:
        run = [*run, one] if one.off else []
        if len(run) == PERSISTENCE_DAYS:
            found.append(Event(run[0].day, one.day))
    return tuple(found)


def _window(before: Sequence[float]) -> tuple[float | None, float | None]:
    values = before[: max(0, len(before) - LEFT_OUT_DAYS)][-WINDOW_DAYS:]
    return (fmean(values), stdev(values)) if len(values) >= WINDOW_DAYS_MIN else (None, None)


def _by_day(samples: Iterable[KeptSample]) -> Mapping[date, Mapping[str, Counter[str]]]:
    found: dict[date, dict[str, Counter[str]]] = {}
    for sample in samples:
        if sample.series == SERIES:
            found.setdefault(sample.tick.date(), {}).setdefault(sample.item, Counter())[normalised(sample.text)] += 1
    return found


def _evidence(subject: str, standing: Standing, reason: str, days: Sequence[Day], found: Sequence[Event]) -> Evidence:
    shown = {one.day: one for one in days}.get(found[-1].raised) if found else (days[-1] if days else None)
    since = f": since {', '.join(str(event.onset) for event in found)}" if found else ""
    return Evidence(
        check=CHECK,
        family=Family.CHANGE,
        grade=Grade.CHANGE,
        subject=subject,
        claim=CLAIM,
        standing=standing,
        reason=reason,
        said=REASONS[reason] + since,
        value=abs(shown.variation - shown.mean) if shown and shown.mean is not None else None,
        threshold=shown.limit if shown else None,
        unit="total variation",
        n=sum(one.answers for one in days),
        assumptions=ASSUMPTIONS,
        days=sum(one.off for one in days),
        smallest=_smallest(days),
        arithmetic=(
            *(_line(one) for one in days),
            *(f"off on {PERSISTENCE_DAYS} days from {event.onset}, raised {event.raised}" for event in found),
        ),
    )


def _smallest(days: Sequence[Day]) -> str:
    limit = days[-1].limit if days else None
    return "nothing yet" if limit is None else f"a lasting shift of the variation by {limit:.2f}, on its third day"


def _line(one: Day) -> str:
    said = f"{one.day}: total variation {one.variation:.3f} of {one.answers} answers"
    if one.mean is None or one.sigma is None or one.limit is None:
        return f"{said}; no window yet"
    held = f"|{one.variation:.3f} - {one.mean:.3f}| = {abs(one.variation - one.mean):.3f}"
    return f"{said}; {held}, limit max({VARIATION_MIN}, {SIGMAS:g} x {one.sigma:.3f}) = {one.limit:.3f}"
