"""What can go wrong with the bench itself."""

from __future__ import annotations


class BenchError(Exception):
    """A process did not start, a page was not drawn, or the history does not come to its end."""
