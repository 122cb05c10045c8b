"""Trials of the identity check: 25 prompts asked twice a day, beside our own deployment asked three times as often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np

from bench.integrity.texts import Model, model
from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.integrity.identity import ALPHA, Day, Reference, compared_days, identity, process
from collector.judgement.integrity.text_distance import text_distance
from schemas.evidence import Evidence
from schemas.sample import KeptSample

PROMPTS, TIMES, DAYS, DAYS_MAX = 25, 2, 30, 60
REFERENCE_TIMES = 6  # our own deployment costs little, and more of its answers tell more
REQUESTS_DAY = PROMPTS * TIMES
TOKENS = 75 + 50  # a prompt and its answer, at most
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ONE_TEST_ALPHA = 0.05  # of the one-day audit, as in the recorded table
NOISE_DIVERGENCE, TEMPLATE_DIVERGENCE = 0.03, 0.3  # how far batches and a template move answers: assumed, not measured
CHANGE_DAY = 14  # from 0


@dataclass(frozen=True, slots=True)
class Serving:
    """What a provider answers with on a day: mostly *model*, a share *q* from *other*, written down by *form*."""

    model: Model
    other: Model | None = None
    q: float = 0.0
    form: Callable[[str], str] = str


@cache
def claimed() -> Model:
    """The model that is claimed, "70B"."""
    return model(1, PROMPTS)


@cache
def smaller() -> Model:
    """A relative of it, "7B"."""
    return model(2, PROMPTS, of=1)


def samples_of(
    chance: np.random.Generator, serving: Callable[[int], Serving], days: int, target: str, times: int = TIMES
) -> list[KeptSample]:
    """What was kept in *days*; *serving* takes the day from 0."""
    prompts = np.repeat(np.arange(PROMPTS), times)
    found = []
    for day in range(days):
        one = serving(day)
        texts = one.model.answers(chance, prompts)
        if one.other is not None and one.q > 0:
            swapped = chance.random(len(texts)) < one.q
            others = one.other.answers(chance, prompts)
            texts = [other if swap else text for text, other, swap in zip(texts, others, swapped, strict=True)]
        tick = BEGAN + timedelta(days=day)
        found += [
            KeptSample(
                tick + timedelta(minutes=place),
                "p",
                "p/c",
                target,
                "v",
                "identity",
                f"set:{prompt:03}",
                50.0,
                one.form(text),
            )
            for place, (prompt, text) in enumerate(zip(prompts, texts, strict=True))
        ]
    return found


def reference_of(chance: np.random.Generator, days: int, times: int = REFERENCE_TIMES) -> Reference:
    """Our own deployment, asked three times as often."""
    honest = Serving(claimed())
    return Reference("70B", tuple(samples_of(chance, lambda _: honest, days, "own/c/t", times)), own=True)


def honest_month(serving: Callable[[np.random.Generator, int], Serving]) -> Callable[[np.random.Generator], Evidence]:
    """A month of evidence on an honest provider."""

    def month(chance: np.random.Generator) -> Evidence:
        samples = samples_of(chance, lambda day: serving(chance, day), DAYS, "p/c/t")
        return identity("p/c/t", samples, reference_of(chance, DAYS))

    return month


@cache
def near(seed: int, divergence: float) -> Model:
    """A model that differs from the claimed one by *divergence*."""
    return model(1000 + seed, PROMPTS, of=1, divergence=divergence)


def plain(_: np.random.Generator, __: int) -> Serving:
    """The claimed model."""
    return Serving(claimed())


def spaced(_: np.random.Generator, __: int) -> Serving:
    """It, with a space before every answer."""
    return Serving(claimed(), form=lambda text: f" {text}")


def noisy(chance: np.random.Generator, _: int) -> Serving:
    """Batches move the numerics: on each day another of 20 models that are near the claimed one."""
    return Serving(near(int(chance.integers(20)), NOISE_DIVERGENCE))


def upgraded(_: np.random.Generator, day: int) -> Serving:
    """Another version of the engine from the middle of the month on."""
    return Serving(claimed() if day < CHANGE_DAY else near(99, NOISE_DIVERGENCE))


def other_template(_: np.random.Generator, day: int) -> Serving:
    """Another chat template from the middle of the month on: the answers do differ."""
    return Serving(claimed() if day < CHANGE_DAY else near(98, TEMPLATE_DIVERGENCE))


def contradicted_on(days: tuple[Day, ...]) -> int | None:
    """The first day, from 1, on which the process reaches its line."""
    return next((n for n in range(1, len(days) + 1) if process(days[:n]) >= 1 / ALPHA), None)


def first_day(chance: np.random.Generator, q: float, days: int = DAYS_MAX, *, honest: int = 0) -> int | None:
    """When a provider is contradicted that answers a share *q* with the smaller model, after *honest* days."""

    def serving(day: int) -> Serving:
        return Serving(claimed(), smaller(), q if day >= honest else 0.0)

    whole = min(honest + days, DAYS_MAX)
    samples = samples_of(chance, serving, whole, "p/c/t")
    found = contradicted_on(compared_days(samples, reference_of(chance, whole)))
    return None if found is None or found <= honest else found - honest


def found_after(chance: np.random.Generator, q: float, requests: int) -> bool:
    """Whether it is contradicted by as many requests, 50 a day."""
    return first_day(chance, q, requests // REQUESTS_DAY) is not None


def found_at_once(chance: np.random.Generator, q: float, requests: int) -> bool:
    """Whether one test at 5 % of all requests on one day rejects: an audit, no process."""
    times = requests // PROMPTS
    theirs = samples_of(chance, lambda _: Serving(claimed(), smaller(), q), 1, "p/c/t", times)
    trusted = reference_of(chance, 1, times).samples
    strata = {
        item: tuple([one.text for one in side if one.item == item] for side in (theirs, trusted))
        for item in sorted({one.item for one in theirs})
    }
    distance = text_distance({item: (x, y) for item, (x, y) in strata.items()}, permutations=(999,))
    return distance is not None and distance.p <= ONE_TEST_ALPHA


TRIALS = (
    Trials(
        check="identity",
        honest=(
            Honest("plain", honest_month(plain)),
            Honest("leading space", honest_month(spaced)),
            Honest("batch noise", honest_month(noisy)),
            Honest("engine upgrade", honest_month(upgraded)),
            Honest("template change", honest_month(other_template)),
        ),
        lies=(
            Lie(
                "dilution", "%", (5.0, 10.0, 20.0, 30.0, 50.0, 100.0), (50, 100, 250, 500, 1000),
                found=lambda chance, percent, requests: found_after(chance, percent / 100, requests),
                days=lambda chance, percent: first_day(chance, percent / 100),
                tokens_per_request=TOKENS,
            ),
            Lie(
                "dilution, one test at 5 %", "%", (0.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0), (50, 100, 250, 500),
                found=lambda chance, percent, requests: found_at_once(chance, percent / 100, requests),
                tokens_per_request=TOKENS,
            ),
            Lie(
                "quiet swap on day 15", "%", (100.0,), (50, 100, 150),
                found=lambda chance, percent, requests: first_day(
                    chance, percent / 100, requests // REQUESTS_DAY, honest=CHANGE_DAY
                ) is not None,
                days=lambda chance, percent: first_day(chance, percent / 100, honest=CHANGE_DAY),
                tokens_per_request=TOKENS,
            ),
        ),
    ),
)  # fmt: skip
