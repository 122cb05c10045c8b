"""Waits for what a dashboard of this process has begun to read."""

from __future__ import annotations

import threading

from dashboard import reading_ahead

WAIT_S = 60


def settle() -> None:
    """Wait until all is read: once for what views begin, once more for what is begun by that."""
    for _ in range(2):
        everybody = threading.Barrier(reading_ahead.AT_ONCE + 1)
        for _ in range(reading_ahead.AT_ONCE):
            reading_ahead.begin(everybody.wait, WAIT_S)
        everybody.wait(WAIT_S)
