"""
How often chance alone makes two providers fail together as much, when one's history is turned against the other's.

All circular shifts of one series, each as likely as any other: outages keep their length, their number and the
distances between them. Of two series that are stationary and independent, p is at most x with a chance of at most x.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from collector.judgement.correlation.buckets import Both, Mask

SPECTRA_MAX = 64  # of 90 days 0.2 MB each

Counts = npt.NDArray[np.int64]


def chance_by_shift(both: Both) -> npt.NDArray[np.float64]:
    """
    For t = 0, 1, ... buckets down together: the share of all shifts that give as much, reality among them.

    As much is measured as a share of the buckets in which both are seen, since a shift puts gap beside outage. A shift
    that leaves no such bucket counts as one that gives as much.
    """
    together, seen = overlaps(both.a, both.b), overlaps(both.kept, both.kept)
    most = int(min(np.count_nonzero(both.a), np.count_nonzero(both.b)))
    reached = np.where(seen > 0, together * seen[0] // np.maximum(seen, 1), most)
    counts = np.bincount(np.clip(reached[1:], 0, most), minlength=most + 1)
    as_much = counts[::-1].cumsum()[::-1]
    return (as_much + 1) / both.a.size


def overlaps(a: Mask, b: Mask) -> Counts:
    """In how many buckets *a* and *b* both hold, for every circular shift of b: b begins 0, 1, ... buckets earlier."""
    products = np.conj(_spectrum(a.tobytes())) * _spectrum(b.tobytes())
    return np.rint(np.fft.irfft(products, n=a.size)).astype(np.int64)


@lru_cache(SPECTRA_MAX)
def _spectrum(mask: bytes) -> npt.NDArray[np.complex128]:
    """A provider's is needed for each of its pairs, and what is seen of most pairs is the same."""
    return np.fft.rfft(np.frombuffer(mask, dtype=np.bool_))
