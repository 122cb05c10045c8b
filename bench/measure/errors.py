"""Why the bench cannot run."""

from __future__ import annotations


class BenchError(Exception):
    """Something that the bench needs is not there, or did not do its work. The message says what to do."""
