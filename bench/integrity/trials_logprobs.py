"""Trials of the logprobs check: 4 prompts, each asked once a day for the 20 likeliest first tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.integrity.logprobs import SERIES, daily, logprobs
from collector.judgement.integrity.persistence import events
from schemas.evidence import Evidence
from schemas.sample import KeptSample

PROMPTS, TOKENS, TOLD = 4, 60, 20  # tokens that have a logit, and those of them that are told
REQUESTS_DAY = PROMPTS
SPREAD_NATS = 3.0  # of a prompt's logits: the 20th likeliest of 60 is some 5 nats below the first
DAYS, HONEST_DAYS = 45, 30  # of a month and a half; before a change
NEW_KERNELS_NATS, RETUNED_NATS = 0.02, 0.5
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS_A_REQUEST = 40 + 1
Logits = npt.NDArray[np.float64]  # by prompt and token


@dataclass(frozen=True, slots=True)
class Scatter:
    """
    How the logits of an honest endpoint vary, as standard deviations in nats: of each request, and of a whole day.

    carried: how much of a day's deviation the next day keeps. lost: the share of requests without an answer. The
    sizes are assumed, not measured.
    """

    request: float = 0.05
    day: float = 0.0
    carried: float = 0.0
    lost: float = 0.0


QUIET = Scatter()
RESTLESS = Scatter(day=0.1)


@dataclass(frozen=True, slots=True)
class Served:
    """What is served on a day: logits, of which each request gets one, and how many tokens are told."""

    models: Sequence[Logits]
    shares: Sequence[float] = (1.0,)
    told: int = TOLD


def model(chance: np.random.Generator) -> Logits:
    """A model's logits."""
    return chance.normal(0.0, SPREAD_NATS, size=(PROMPTS, TOKENS))


def moved(chance: np.random.Generator, of: Logits, nats: float) -> Logits:
    """*of* with every logit moved, by so much in the standard deviation."""
    return np.asarray(of + chance.normal(0.0, nats, size=of.shape), dtype=float)


def samples_of(
    chance: np.random.Generator, serving: Callable[[int], Served], scatter: Scatter, days: int
) -> list[KeptSample]:
    """What was kept of *days*; *serving* takes the day from 0."""
    found: list[KeptSample] = []
    drift = chance.normal(0.0, scatter.day, size=(PROMPTS, TOKENS))
    for day in range(days):
        served = serving(day)
        for place in range(PROMPTS):
            chosen = served.models[chance.choice(len(served.models), p=served.shares)]
            logits = (chosen + drift)[place] + chance.normal(0.0, scatter.request, size=TOKENS)
            if chance.random() >= scatter.lost:
                found += _list(logits - np.logaddexp.reduce(logits), day, place, served.told)
        fresh = chance.normal(0.0, scatter.day, size=drift.shape)
        drift = scatter.carried * drift + np.sqrt(1 - scatter.carried**2) * fresh
    return found


def steadily(scatter: Scatter) -> Callable[[np.random.Generator], Evidence]:
    """Days of one model."""

    def month(chance: np.random.Generator) -> Evidence:
        served = Served([model(chance)])
        return logprobs("p/c/t", samples_of(chance, lambda _: served, scatter, DAYS))

    return month


def new_kernels(chance: np.random.Generator) -> Evidence:
    """Other kernels since day 31: less than what is called a change."""
    before = model(chance)
    after = moved(chance, before, NEW_KERNELS_NATS)
    return logprobs("p/c/t", samples_of(chance, _since(Served([before]), Served([after])), RESTLESS, DAYS))


def new_version(chance: np.random.Generator) -> Evidence:
    """A new version since day 31: a change that is honest, and is named with its date."""
    before = model(chance)
    after = moved(chance, before, RETUNED_NATS)
    return logprobs("p/c/t", samples_of(chance, _since(Served([before]), Served([after])), RESTLESS, DAYS))


def shorter_lists(chance: np.random.Generator) -> Evidence:
    """Only five tokens are told since day 31."""
    models = [model(chance)]
    serving = _since(Served(models), Served(models, told=5))
    return logprobs("p/c/t", samples_of(chance, serving, RESTLESS, DAYS))


def two_stacks(chance: np.random.Generator) -> Evidence:
    """Each request goes to either of two stacks, whose arithmetic is 0.2 nats apart; their shares differ by the day."""
    one = model(chance)
    models = [one, moved(chance, one, 0.2)]

    def serving(_: int) -> Served:
        share = chance.random()
        return Served(models, (share, 1 - share))

    return logprobs("p/c/t", samples_of(chance, serving, QUIET, DAYS))


def moved_on_day(chance: np.random.Generator, nats: float, scatter: Scatter, days: int = 60) -> int | None:
    """The day, from that of the change, on which a change of every logit is established."""
    before = model(chance)
    return _raised(chance, Served([before]), Served([moved(chance, before, nats)]), scatter, days)


def swapped_share(chance: np.random.Generator, part: float, days: int = 60) -> int | None:
    """The same of another model that answers a *part* of the requests."""
    before = model(chance)
    return _raised(chance, Served([before]), Served([before, model(chance)], (1 - part, part)), RESTLESS, days)


def _since(before: Served, after: Served) -> Callable[[int], Served]:
    return lambda day: before if day < HONEST_DAYS else after


def _raised(chance: np.random.Generator, before: Served, after: Served, scatter: Scatter, days: int) -> int | None:
    """A false alarm before the change is none."""
    samples = samples_of(chance, _since(before, after), scatter, HONEST_DAYS + days)
    raised = [(event.raised - BEGAN.date()).days - HONEST_DAYS + 1 for event in events(daily(samples))]
    return next((day for day in raised if day > 0), None)


def _list(values: npt.NDArray[np.float64], day: int, place: int, told: int) -> list[KeptSample]:
    tick, item = BEGAN + timedelta(days=day, hours=6 * place), f"set:{place:03}"
    return [
        KeptSample(tick, "p", "p/c", "p/c/t", "v", SERIES, item, float(values[token]), f"t{token}")
        for token in np.argsort(-values)[:told]
    ]


def _lie(name: str, unit: str, sizes: tuple[float, ...], day_of: Callable[..., int | None]) -> Lie:
    return Lie(
        name, unit, sizes, (12, 20, 40),
        found=lambda chance, size, requests: day_of(chance, size, days=requests // REQUESTS_DAY) is not None,
        days=day_of,
        tokens_per_request=TOKENS_A_REQUEST,
    )  # fmt: skip


TRIALS = (
    Trials(
        check="logprobs",
        honest=(
            Honest("plain", steadily(QUIET)),
            Honest("noise of requests, 0.2 nats", steadily(Scatter(request=0.2))),
            Honest("days, 0.1 nats", steadily(RESTLESS)),
            Honest("days, 0.3 nats", steadily(Scatter(day=0.3))),
            Honest("days, 0.1 nats, half carried", steadily(Scatter(day=0.1, carried=0.5))),
            Honest("days, 0.1 nats, 0.9 carried", steadily(Scatter(day=0.1, carried=0.9))),
            Honest("days, 0.3 nats, 0.9 carried", steadily(Scatter(day=0.3, carried=0.9))),
            Honest("a third lost", steadily(Scatter(day=0.1, lost=1 / 3))),
            Honest("two stacks", two_stacks),
            Honest("shorter lists", shorter_lists),
            Honest("new kernels", new_kernels),
            Honest("new version", new_version),
        ),
        lies=(
            _lie(
                "logits moved on quiet days", "nats", (0.05, 0.1, 0.2),
                lambda chance, nats, days=60: moved_on_day(chance, nats, QUIET, days),
            ),
            _lie(
                "logits moved, days of 0.1 nats", "nats", (0.1, 0.2, 0.5),
                lambda chance, nats, days=60: moved_on_day(chance, nats, RESTLESS, days),
            ),
            _lie(
                "swap of a share by logprobs", "%", (10.0, 30.0, 50.0, 100.0),
                lambda chance, percent, days=60: swapped_share(chance, percent / 100, days),
            ),
        ),
    ),
)  # fmt: skip
