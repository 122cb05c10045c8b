"""Many pairs are looked at: q-values, after Benjamini and Hochberg."""

from __future__ import annotations

from collections.abc import Sequence


def q_values(ps: Sequence[float]) -> tuple[float, ...]:
    """
    For each p the smallest false discovery rate at which it is still a discovery, in the same order.

    Of those with q at most x, the expected share that is chance alone is at most x.
    """
    n, best = len(ps), 1.0
    found = [1.0] * n
    for rank, place in reversed(list(enumerate(sorted(range(n), key=ps.__getitem__), 1))):
        best = min(best, ps[place] * n / rank)
        found[place] = best
    return tuple(found)
