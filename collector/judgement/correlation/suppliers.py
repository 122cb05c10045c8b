"""
How many independent suppliers there really are: providers that are linked count as one.

The effective number is the inverse of Simpson's index, 1 / sum over groups of (share of the group)^2: n for n groups
with equal shares, nearer to 1 the more one of them carries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Supply:
    """
    Who serves *model*. shares: of the load, by provider; equal ones unless *by_load*, which real traffic says.

    effective: the number of independent suppliers; apart: the same, if no two were linked.
    """

    model: str
    groups: tuple[Group, ...]
    shares: Mapping[str, float]
    by_load: bool
    effective: float
    apart: float


def supply(model: str, providers: Iterable[str], links: Iterable[tuple[str, str]], load: Mapping[str, float]) -> Supply:
    """The supply of *model*; *load* by provider, in any unit; of those that do not serve it, it is left out."""
    of = sorted(providers)
    carried = {provider: load.get(provider, 0.0) for provider in of}
    whole = sum(carried.values())
    shares = {provider: carried[provider] / whole if whole else 1 / len(of) for provider in of}
    found = groups(of, links)
    return Supply(
        model=model,
        groups=found,
        shares=shares,
        by_load=whole > 0,
        effective=effective_number(sum(shares[one] for one in group) for group in found),
        apart=effective_number(shares.values()),
    )


def groups(providers: Iterable[str], links: Iterable[tuple[str, str]]) -> tuple[Group, ...]:
    """*providers* parted so that linked ones are together, through others that are not among them too."""
    leader: dict[str, str] = {}

    def first(one: str) -> str:
        while (up := leader.get(one, one)) != one:
            one = up
        return one

    for a, b in links:
        low, high = sorted((first(a), first(b)))
        leader[high] = low
    parted: dict[str, list[str]] = {}
    for one in sorted(providers):
        parted.setdefault(first(one), []).append(one)
    return tuple(sorted(tuple(group) for group in parted.values()))


def effective_number(shares: Iterable[float]) -> float:
    """The inverse of Simpson's index of *shares*, which sum to 1."""
    return 1 / sum(share * share for share in shares)
