"""Episodes: runs of buckets on end in which a provider was down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collector.judgement.correlation.buckets import Mask


def episodes(down: Mask) -> npt.NDArray[np.int64]:
    """The first bucket and the length of each run of *down*, in order; one row for each."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], down, [False])).astype(np.int8)))
    return np.column_stack((edges[::2], edges[1::2] - edges[::2])).astype(np.int64)
