"""What can go wrong with the bench itself."""

from __future__ import annotations


class BenchError(Exception):
    """A process did not start, or a script cannot be played."""
