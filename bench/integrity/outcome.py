"""What the trials say: how often honest providers are accused, power against requests and money, and days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.integrity.catalog import trials
from bench.integrity.intervals import clopper_pearson
from bench.integrity.work import Done, Piece
from collector.judgement.integrity.suspicion import Stage, suspicion
from schemas.evidence import Evidence, Standing

USD_PER_MILLION_TOKENS = 0.9  # of a 70B model, prompt and answer alike: an assumption for the axis of money
NOW = datetime(2026, 2, 15, tzinfo=UTC)
REACHED = NOW - timedelta(days=8)  # the right of reply has passed unused


@dataclass(frozen=True, slots=True)
class Share:
    """*k* of *n*, with the exact 95 % interval."""

    k: int
    n: int

    @property
    def value(self) -> float:
        """The share."""
        return self.k / self.n

    @property
    def bounds(self) -> tuple[float, float]:
        """Clopper and Pearson's."""
        return clopper_pearson(self.k, self.n)


@dataclass(frozen=True, slots=True)
class World:
    """An honest world of a check: how many months are contradicted, noticed, insufficient; and the mean e-value."""

    check: str
    name: str
    contradicted: Share
    noticed: int
    insufficient: int
    mean_e: float


@dataclass(frozen=True, slots=True)
class Power:
    """How often a liar of *size* is found after *requests*, which cost *usd*."""

    check: str
    lie: str
    unit: str
    size: float
    requests: int
    usd: float
    found: Share


@dataclass(frozen=True, slots=True)
class Delay:
    """Days until a liar is found, sorted; *missed* are not found within 60."""

    check: str
    lie: str
    unit: str
    size: float
    days: tuple[int, ...]
    missed: int

    def quantile(self, share: float) -> float | None:
        """The day by which *share* of the liars are found; None when fewer ever are."""
        place = int(np.ceil(share * (len(self.days) + self.missed))) - 1
        return float(self.days[place]) if place < len(self.days) else None


def null_table(some: Sequence[Done]) -> list[World]:
    """Every honest world, in the order of the trials."""
    months = by_world(some)
    return [
        _world(one.check, world.name, months[one.check, world.name])
        for one in trials()
        for world in one.honest
        if months.get((one.check, world.name))
    ]


def powers(some: Sequence[Done]) -> list[Power]:
    """Every lie, size and number of requests."""
    found: dict[Piece, list[bool]] = defaultdict(list)
    for one in some:
        if one.found:
            found[_whole(one.piece)] += one.found
    told = {(one.check, lie.name): lie for one in trials() for lie in one.lies}
    rows = []
    for piece, hits in found.items():
        lie, size, requests = told[piece.check, piece.world], piece.size, piece.requests
        assert size is not None and requests is not None
        usd = requests * lie.tokens_per_request * USD_PER_MILLION_TOKENS / 1e6
        rows.append(Power(piece.check, piece.world, lie.unit, size, requests, usd, Share(sum(hits), len(hits))))
    order = [(one.check, lie.name) for one in trials() for lie in one.lies]
    return sorted(rows, key=lambda row: (order.index((row.check, row.lie)), row.size, row.requests))


def delays(some: Sequence[Done]) -> list[Delay]:
    """Every lie and size whose day was asked for."""
    found: dict[Piece, list[int | None]] = defaultdict(list)
    for one in some:
        if one.days:
            found[_whole(one.piece)] += one.days
    units = {(one.check, lie.name): lie.unit for one in trials() for lie in one.lies}
    rows = []
    for piece, days in found.items():
        assert piece.size is not None
        seen = tuple(sorted(day for day in days if day is not None))
        unit = units[piece.check, piece.world]
        rows.append(Delay(piece.check, piece.world, unit, piece.size, seen, len(days) - len(seen)))
    return sorted(rows, key=lambda row: (row.check, row.lie, row.size))


def by_world(some: Sequence[Done]) -> Mapping[tuple[str, str], list[Evidence]]:
    """Check and honest world to its months, in the order of their seeds."""
    months: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for one in sorted(some, key=lambda one: one.piece.seed):
        if one.evidence:
            months[one.piece.check, one.piece.world] += one.evidence
    return months


def whole_months(months: Mapping[tuple[str, str], Sequence[Evidence]], *, mixed: bool) -> list[list[Evidence]]:
    """
    Provider-months with the evidence of every check: all in their first world, or (*mixed*) each in one by chance.

    Checks are simulated independently, so the i-th months of all checks are one provider's month.
    """
    worlds: dict[str, list[Sequence[Evidence]]] = defaultdict(list)
    for (check, _), evidence in months.items():
        worlds[check].append(evidence)
    n = min((len(evidence) for several in worlds.values() for evidence in several), default=0)
    chance = np.random.default_rng(0)
    return [
        [several[int(chance.integers(len(several))) if mixed else 0][place] for several in worlds.values()]
        for place in range(n)
    ]


def false_suspects(providers: Sequence[Sequence[Evidence]]) -> Share:
    """How many honest provider-months end as suspect, with no reply and e-BH taken as passed."""
    stages = Counter(
        suspicion("honest", evidence, NOW, discovered=True, reached=REACHED).stage for evidence in providers
    )
    return Share(stages[Stage.SUSPECT], len(providers))


def _world(check: str, name: str, months: Sequence[Evidence]) -> World:
    standings = Counter(one.standing for one in months)
    return World(
        check,
        name,
        Share(standings[Standing.CONTRADICTED], len(months)),
        standings[Standing.NOTICED],
        standings[Standing.INSUFFICIENT],
        sum(one.e for one in months) / len(months),
    )


def _whole(piece: Piece) -> Piece:
    return Piece(piece.check, piece.world, 0, 0, piece.size, piece.requests)
