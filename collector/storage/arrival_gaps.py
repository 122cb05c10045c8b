"""The gaps between arrivals, of many rows at once; each row's are packed, as a flat observation has them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from schemas.flat_observation import DOUBLE_BYTES


def largest_gaps_ms(packed: Sequence[bytes]) -> list[float | None]:
    """As Timings.gap_max_ms of each row."""
    doubles, starts, ends = _several(packed)
    if not len(starts):
        return [None] * len(packed)
    steps = np.diff(doubles)
    steps[ends[:-1] - 1] = -np.inf  # from one row to the next
    return _in_place(np.maximum.reduceat(steps, starts), packed)


def mean_gaps_ms(packed: Sequence[bytes]) -> list[float | None]:
    """As Timings.chunk_gap_ms of each row."""
    doubles, starts, ends = _several(packed)
    return _in_place((doubles[ends - 1] - doubles[starts]) / (ends - 1 - starts), packed)


def _several(packed: Sequence[bytes]) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """The arrivals of all rows that have two at least, and where those of each begin and end."""
    several = [one for one in packed if len(one) > DOUBLE_BYTES]
    bounds = np.array([*accumulate(map(len, several), initial=0)], np.intp) // DOUBLE_BYTES
    return np.frombuffer(b"".join(several), "<f8"), bounds[:-1], bounds[1:]


def _in_place(gaps: NDArray[np.float64], packed: Sequence[bytes]) -> list[float | None]:
    found = iter(gaps.tolist())
    return [next(found) if len(one) > DOUBLE_BYTES else None for one in packed]
