"""What a Hold asks of a body, for one that has only begun: aiohttp's own needs a whole response around it."""

from __future__ import annotations


class BegunBody:
    """A body of which nothing has come."""

    total_bytes = 0

    def is_eof(self) -> bool:
        """Never."""
        return False
