"""What there is to simulate, cut into pieces that processes take one by one. A piece has a seed of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from bench.integrity.catalog import trials
from bench.integrity.trial import Honest, Lie, Trials
from schemas.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Amount:
    """
    How many provider-months of each honest world, how many liars for a power and for a delay; *chunk*: at once.

    liars_of_a_figure: at most, however many that figure asks for.
    """

    months: int
    liars: int
    liars_of_a_figure: int
    delays: int
    chunk: int = 20


WHOLE = Amount(months=1000, liars=100, liars_of_a_figure=10_000, delays=40)
QUICK = Amount(months=10, liars=5, liars_of_a_figure=10, delays=3, chunk=5)


@dataclass(frozen=True, slots=True)
class Piece:
    """
    *n* trials of one world of one check: months of an honest one, or liars of a size.

    requests: after how many the liar is to be found; None for the day on which it is.
    """

    check: str
    world: str
    n: int
    seed: int
    size: float | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A piece with what came of it: evidence, whether found, or days."""

    piece: Piece
    evidence: tuple[Evidence, ...] = ()
    found: tuple[bool, ...] = ()
    days: tuple[int | None, ...] = ()


def pieces(amount: Amount, figures: Mapping[tuple[str, str, float, int], int]) -> Iterator[Piece]:
    """Everything; *figures* (check, lie, size, requests) get as many trials as they say. The honest first."""
    for one in trials():
        for world in one.honest:
            yield from _cut(Piece(one.check, world.name, amount.months, 0), amount.chunk)
    for one in trials():
        for lie in one.lies:
            for size in lie.sizes:
                for requests in lie.requests:
                    wanted = figures.get((one.check, lie.name, size, requests))
                    n = min(wanted, amount.liars_of_a_figure) if wanted else amount.liars
                    yield from _cut(Piece(one.check, lie.name, n, 0, size, requests), amount.chunk)
                if lie.days:
                    yield from _cut(Piece(one.check, lie.name, amount.delays, 0, size), amount.chunk)


def done(piece: Piece) -> Done:
    """The piece, simulated."""
    name = f"{piece.check}|{piece.world}|{piece.size}|{piece.requests}"
    chance = np.random.default_rng([zlib.crc32(name.encode()), piece.seed])
    if piece.size is None:
        world = _honest(piece)
        return Done(piece, evidence=tuple(_short(world.month(chance)) for _ in range(piece.n)))
    lie, size, requests = _lie(piece), piece.size, piece.requests
    if requests is not None:
        return Done(piece, found=tuple(bool(lie.found(chance, size, requests)) for _ in range(piece.n)))
    assert lie.days is not None
    return Done(piece, days=tuple(lie.days(chance, size) for _ in range(piece.n)))


def all_done(wanted: Sequence[Piece], processes: int) -> Iterator[Done]:
    """Every piece, as they end."""
    if processes == 1:
        yield from map(done, wanted)
        return
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(done, piece) for piece in wanted]):
            yield future.result()


def _cut(whole: Piece, chunk: int) -> Iterator[Piece]:
    for seed, begin in enumerate(range(0, whole.n, chunk)):
        yield replace(whole, n=min(chunk, whole.n - begin), seed=seed)


def _short(evidence: Evidence) -> Evidence:
    """Without its words, of which thousands would be carried between processes."""
    return replace(evidence, arithmetic=(), assumptions=(), smallest="", said="")


@cache
def _by_check() -> dict[str, Trials]:
    return {one.check: one for one in trials()}


def _honest(piece: Piece) -> Honest:
    return next(one for one in _by_check()[piece.check].honest if one.name == piece.world)


def _lie(piece: Piece) -> Lie:
    return next(one for one in _by_check()[piece.check].lies if one.name == piece.world)
