"""Keeps the garbage collector away from what is there to stay, so that its long pauses do not hold up the loop."""

from __future__ import annotations

import gc


def leave_still() -> None:
    """Leave what is in memory now out of collections: tens of ms for modules and targets, at any moment."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
