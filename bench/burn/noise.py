"""
One target whose requests fail by chance, judged by `readings` as the collector would.

Requests come in steps; what a rule says can change only when a failure enters a window or leaves it, so those instants
are judged and no others. Counts come from prefix sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from collector.judgement.burn_rate import Counts, Tally, holds, readings, stands
from schemas.objectives import Alarm, BurnPolicy, Objective

Failed = npt.NDArray[np.bool_]
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
MONTH_S = 30 * 86400


def objective_of(share: float, *, plain: bool = False) -> Objective:
    """The default policy for pages; *plain* is the same pairs at the first bad one, as the workbook has them."""
    policy = BurnPolicy(pairs=BurnPolicy().of(Alarm.PAGE), bad_min=1 if plain else BurnPolicy().bad_min)
    return Objective(name="plain" if plain else "ours", objective=share, burn=policy)


@dataclass(frozen=True, slots=True)
class Rates:
    """Pages of one rule over so many target-months."""

    pages: int
    months: float

    @property
    def per_month(self) -> float:
        """By target and month."""
        return self.pages / self.months

    def bounds(self, confidence: float = 0.95) -> tuple[float, float]:
        """One-sided bounds of the rate, each at *confidence*, as a Poisson count has them."""
        low = poisson_bound(self.pages - 1, 1 - confidence) if self.pages else 0.0
        return low / self.months, poisson_bound(self.pages, confidence) / self.months


def false_pages(share: float, *, step_s: int, noise: float, months: int, seed: int) -> dict[str, Rates]:
    """
    Pages of the plain pairs and of ours over *months* of one target that fails by chance.

    Plain: the expression begins to fire. Ours: an alarm is raised, which stands until it is clear.
    """
    failed = np.random.default_rng(seed).random(round((months * MONTH_S + 6 * 3600) / step_s)) < noise
    ours, plain = objective_of(share), objective_of(share, plain=True)
    raised = {"ours": 0, "plain": 0}
    stood = fired = False
    for at_s, tallies in _instants(failed, step_s, (ours, plain)):
        if at_s < 6 * 3600:
            continue
        at = BEGAN + timedelta(seconds=at_s)
        (reading,) = readings([tallies["ours"]], (ours,), at)
        before, stood = stood, stands(reading.verdict, stood)
        raised["ours"] += stood and not before
        firing = any(holds(plain, pair, tallies["plain"]) for pair in plain.burn.pairs)
        raised["plain"] += firing and not fired
        fired = firing
    return {name: Rates(pages, months) for name, pages in raised.items()}


def delay_s(share: float, *, step_s: int, error: float, seed: int, plain: bool = False) -> float | None:
    """From the beginning of a fault, in which *error* of the requests fail, to the page; None within six hours."""
    chance = np.random.default_rng(seed)
    quiet, bad = 6 * 3600 // step_s, 6 * 3600 // step_s
    failed = np.concatenate([np.zeros(quiet, bool), chance.random(bad) < error])
    objective = objective_of(share, plain=plain)
    began_s = quiet * step_s - chance.random() * step_s  # anywhere between two requests
    for at_s, tallies in _instants(failed, step_s, (objective,)):
        if any(holds(objective, pair, tallies[objective.name]) for pair in objective.burn.pairs):
            return float(at_s - began_s)
    return None


def _instants(
    failed: Failed, step_s: int, objectives: tuple[Objective, ...]
) -> Iterator[tuple[float, Mapping[str, Tally]]]:
    """Every instant at which a count changes, with the tallies then."""
    windows = sorted({window for one in objectives for pair in one.burn.pairs for window in (pair.long, pair.short)})
    steps = np.array([round(window / step_s) for window in windows])
    bad_before = np.concatenate([[0], np.cumsum(failed, dtype=np.int64)])
    entered = np.flatnonzero(failed)
    changes = np.unique(np.concatenate([entered, *(entered + n for n in steps)]))
    for last in changes[changes < len(failed)]:
        low = np.maximum(0, last + 1 - steps)
        bad, total = bad_before[last + 1] - bad_before[low], last + 1 - low
        counts = {window: Counts(int(b), int(n)) for window, b, n in zip(windows, bad, total, strict=True)}
        run = int(last + 1 - np.searchsorted(bad_before, bad_before[last + 1]))
        yield float(last * step_s), {one.name: _tally(one, counts, run) for one in objectives}


def _tally(objective: Objective, counts: Mapping[float, Counts], run: int) -> Tally:
    where = {"provider": "acme", "cluster": "acme/east", "target": "acme/east/chat"}
    return Tally(**where, objective=objective.name, windows=counts, good_since=run)


def poisson_bound(count: int, confidence: float) -> float:
    """The rate under which *count* or fewer come with the probability 1 - *confidence*."""
    low, high = 0.0, 10.0 + 2 * count + 10 * math.sqrt(count + 1)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(count, middle) > 1 - confidence else (low, middle)
    return (low + high) / 2


def _at_most(count: int, rate: float) -> float:
    return sum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(count + 1))
