"""Trials of the change check: 5 border inputs asked three times a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.integrity.change import change, daily
from collector.judgement.integrity.persistence import events
from schemas.evidence import Evidence
from schemas.sample import KeptSample

INPUTS, TIMES, DAYS = 5, 3, 30
REQUESTS_DAY = INPUTS * TIMES
WORDS = ("yes", "no", "maybe", "one", "two", "the", "oui", "non", "eins", "zwei", "der", "un")
OWN = len(WORDS) // 2  # of a model: another one's answers to the same border inputs were all different (recorded swap)
HONEST_DAYS = 25  # before a change: 5 of reference, 14 of window, 4 left out, and two
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS = 4 + 1
Shares = npt.NDArray[np.float64]
Month = Callable[[np.random.Generator], Evidence]


def shares(chance: np.random.Generator, *, other: bool = False) -> Shares:
    """How often each word is the answer, by input: two or three of the model's own words, or of another model's."""
    drawn, none = chance.dirichlet(np.full(OWN, 0.4), size=INPUTS), np.zeros((INPUTS, OWN))
    return np.hstack([none, drawn] if other else [drawn, none])


def samples_of(chance: np.random.Generator, serving: Callable[[int], Shares], days: int) -> list[KeptSample]:
    """What was kept of *days*; *serving* takes the day from 0."""
    found = []
    for day in range(days):
        tick = BEGAN + timedelta(days=day)
        for place, share in enumerate(serving(day)):
            for word in chance.choice(len(WORDS), size=TIMES, p=share / share.sum()):
                item = f"set:{place:03}"
                found.append(KeptSample(tick, "p", "p/c", "p/c/t", "v", "border", item, 0.0, WORDS[word]))
    return found


def mixed(a: Shares, b: Shares, part: float) -> Shares:
    """*a* with a *part* of *b* in its place."""
    return np.asarray((1 - part) * a + part * b, dtype=float)


def steady(chance: np.random.Generator) -> Evidence:
    """A month of the same model."""
    model = shares(chance)
    return change("p/c/t", samples_of(chance, lambda _: model, DAYS))


def noisy(chance: np.random.Generator) -> Evidence:
    """Batches move the answers on each day by a tenth."""
    model, moved = shares(chance), [shares(chance) for _ in range(DAYS)]
    return change("p/c/t", samples_of(chance, lambda day: mixed(model, moved[day], 0.1), DAYS))


def upgraded(chance: np.random.Generator) -> Evidence:
    """A new version on day 26: a change that is honest, and is named with its date."""
    model, other = shares(chance), shares(chance)
    return change("p/c/t", samples_of(chance, lambda day: model if day < HONEST_DAYS else other, DAYS))


def first_day(chance: np.random.Generator, part: float, days: int = 60) -> int | None:
    """The day, from that of the change, on which the change is established; a false alarm before it is none."""
    model = shares(chance)
    changed = mixed(model, shares(chance, other=True), part)
    samples = samples_of(chance, lambda day: model if day < HONEST_DAYS else changed, HONEST_DAYS + days)
    raised = [(event.raised - BEGAN.date()).days - HONEST_DAYS + 1 for event in events(daily(samples))]
    return next((day for day in raised if day > 0), None)


TRIALS = (
    Trials(
        check="change",
        honest=(
            Honest("plain", steady),
            Honest("batch noise", noisy),
            Honest("engine upgrade", upgraded),
        ),
        lies=(
            Lie(
                "quiet swap of a share", "%", (30.0, 50.0, 100.0), (45, 75, 150, 300),
                found=lambda chance, percent, requests: first_day(chance, percent / 100, requests // REQUESTS_DAY)
                is not None,
                days=lambda chance, percent: first_day(chance, percent / 100),
                tokens_per_request=TOKENS,
            ),
        ),
    ),
)  # fmt: skip
