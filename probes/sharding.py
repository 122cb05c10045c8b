"""Which worker has which target: rendezvous (highest random weight) hashing, so that few move when workers come."""

from __future__ import annotations

import hashlib


def worker_of(target: str, workers: int) -> int:
    """The number (0..workers) of the worker that probes *target*; one worker more takes targets, and moves no other."""
    assert workers > 0, workers
    return max(range(workers), key=lambda worker: _weight(target, worker))


def _weight(target: str, worker: int) -> bytes:
    return hashlib.sha256(f"{target}|{worker}".encode()).digest()
