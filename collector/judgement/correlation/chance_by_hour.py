"""
How often chance alone makes two providers fail together as much, when each outage keeps its hour but not its day.

Every episode of one provider is put, by itself, on any day of the window at its own time of day. So what both do at the
same hours, such as maintenance at night or load in the evening, makes nothing suspicious. The probability is exact: the
distribution of the sum of the episodes' overlaps is a convolution.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collector.judgement.correlation.buckets import DAY_BUCKETS, Both, Mask
from collector.judgement.correlation.episodes import episodes

KEPT_MIN = 0.5  # of an episode, for a place to be one where it could have been seen

Chances = npt.NDArray[np.float64]


def chance_by_hour(both: Both, day: int = DAY_BUCKETS) -> Chances:
    """For t = 0, 1, ... buckets down together: the probability of as much; the larger of moving one and the other."""
    most = int(min(np.count_nonzero(both.a), np.count_nonzero(both.b)))
    ways = (_moved(both.a, both.b, both.kept, day), _moved(both.b, both.a, both.kept, day))
    return np.maximum(*(_tail(way, most) for way in ways))


def _moved(moved: Mask, stays: Mask, kept: Mask, day: int) -> Chances:
    """The distribution of the overlap when the episodes of *moved* are: index is buckets, value is probability."""
    n = moved.size
    assert n % day == 0, "a window is of whole days"
    days, down, seen = np.arange(0, n, day), _sums(stays), _sums(kept)
    found: Chances = np.ones(1)
    starts, lengths = episodes(moved).T[:, :, np.newaxis]
    places = (starts + days) % n  # by episode and day
    visible = seen[places + lengths] - seen[places] >= KEPT_MIN * lengths
    overlaps = down[places + lengths] - down[places]
    meets = np.flatnonzero((overlaps * visible).any(axis=1))  # the others meet nothing wherever they are put
    for overlap, kept_there in zip(overlaps[meets], visible[meets], strict=True):
        possible = overlap[kept_there]
        found = np.convolve(found, np.bincount(possible) / possible.size)
    return found


def _sums(mask: Mask) -> npt.NDArray[np.int64]:
    """Sums up to each bucket, over the circle twice, so that an episode may go over its end."""
    return np.concatenate(([0], np.cumsum(np.concatenate((mask, mask)))))


def _tail(distribution: Chances, most: int) -> Chances:
    """The probability of at least 0, 1, ... *most*."""
    tail = distribution[::-1].cumsum()[::-1]
    whole = np.zeros(max(most + 1, tail.size))
    whole[: tail.size] = tail
    return np.clip(whole[: most + 1], 0.0, 1.0)
