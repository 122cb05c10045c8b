"""
Who gives most for the money: the offers that nobody else surely beats.

One beats another surely when both ends of each of its intervals are at least as good, and on one figure its worse end
is better than the other's better end. That is transitive, so what is beaten can be left out without changing the rest.
Where only the points say so, the two are not told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where an offer stands among all of the same model."""

    FRONT = "front"  # nobody is better or equal on every figure
    NOT_TOLD_APART = "not_told_apart"  # somebody is by the points, within the intervals
    BEATEN = "beaten"  # somebody surely is
    NOT_COMPARED = "not_compared"  # their prices are in several currencies
    UNKNOWN = "unknown"  # a figure is missing


@dataclass(frozen=True, slots=True)
class Bounds:
    """A figure of which less is better; low <= value <= high."""

    low: float
    value: float
    high: float

    def __post_init__(self) -> None:
        assert self.low <= self.value <= self.high, self

    @classmethod
    def holding(cls, low: float, value: float, high: float) -> Bounds:
        """Bounds that hold their point, also where arithmetic on floats has put it a hair outside."""
        return cls(min(low, value), value, max(value, high))

    def no_worse(self, other: Bounds) -> bool:
        """Whether both ends and the point are at least as good as those of *other*."""
        return self.low <= other.low and self.value <= other.value and self.high <= other.high

    def surely_better(self, other: Bounds) -> bool:
        """Whether its worse end is better than the better end of *other*."""
        return self.high < other.low


Figures = tuple[Bounds, Bounds, Bounds]  # cost, latency, and the share that is lost


@dataclass(frozen=True, slots=True)
class Standing:
    """The place of an offer; *by* are those that beat it, or would by the points, by name."""

    place: Place
    by: tuple[str, ...] = ()


def beats(one: Figures, other: Figures) -> bool:
    """Whether *one* surely beats *other*."""
    pairs = list(zip(one, other, strict=True))
    return all(a.no_worse(b) for a, b in pairs) and any(a.surely_better(b) for a, b in pairs)


def beats_by_points(one: Figures, other: Figures) -> bool:
    """Whether the points of *one* are at least as good as those of *other*, and one is better."""
    pairs = [(a.value, b.value) for a, b in zip(one, other, strict=True)]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def front(offers: Mapping[str, Figures]) -> frozenset[str]:
    """The names of those that nobody surely beats; never empty unless *offers* is."""
    return frozenset(name for name, one in offers.items() if not any(beats(other, one) for other in offers.values()))


def standings(offers: Mapping[str, Figures | None]) -> dict[str, Standing]:
    """The standing of each; one with a figure missing neither beats nor is beaten."""
    known = {name: one for name, one in offers.items() if one is not None}
    return {name: Standing(Place.UNKNOWN) if one is None else _standing(one, known) for name, one in offers.items()}


def _standing(one: Figures, known: Mapping[str, Figures]) -> Standing:
    if surely := _names(name for name, other in known.items() if beats(other, one)):
        return Standing(Place.BEATEN, surely)
    if maybe := _names(name for name, other in known.items() if beats_by_points(other, one)):
        return Standing(Place.NOT_TOLD_APART, maybe)
    return Standing(Place.FRONT)


def _names(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(found))
