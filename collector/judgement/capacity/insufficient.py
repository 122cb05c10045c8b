"""A figure that cannot be said, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Insufficient:
    """There is too little, or not the right thing, to say it: *reason* in words, *n* what there is."""

    reason: str
    n: int = 0
