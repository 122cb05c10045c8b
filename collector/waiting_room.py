"""Who may send now: so many bodies and so many bytes at once, and everybody beyond is told to come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

BODIES_MAX = 64  # that are complete, and wait to be stored
BYTES_MAX = 64 * 1024 * 1024  # of all bodies that are read or wait, as they came


class Full(Exception):
    """There is no room now."""


class TooLarge(Exception):
    """A body is larger than any may be."""


class WaitingRoom:
    """Counts what is inside; nothing in it waits for room."""

    def __init__(self, *, body_bytes_max: int) -> None:
        self._body_bytes_max = body_bytes_max
        self._bodies = self._bytes = 0

    @property
    def bytes_held(self) -> int:
        """Of all bodies inside."""
        return self._bytes

    @contextmanager
    def place(self) -> Iterator[Place]:
        """A place for one body, empty at first; what it holds is given back at the end."""
        place = Place(self)
        try:
            yield place
        finally:
            self._bytes -= place.size
            self._bodies -= place.complete

    def take(self, size: int) -> None:
        """Room for *size* bytes more, or Full."""
        if self._bytes + size > max(BYTES_MAX, self._body_bytes_max):
            raise Full(f"{self._bytes} bytes are waiting to be stored")
        self._bytes += size

    def come_in(self) -> None:
        """Room for one body more, or Full."""
        if self._bodies >= BODIES_MAX:
            raise Full(f"{BODIES_MAX} bodies are waiting")
        self._bodies += 1

    @property
    def body_bytes_max(self) -> int:
        """Of one body."""
        return self._body_bytes_max


class Place:
    """One body in the room."""

    def __init__(self, room: WaitingRoom) -> None:
        self._room, self.size, self.complete = room, 0, False

    async def read(self, chunks: AsyncIterator[bytes], announced: int | None) -> bytes:
        """The whole body; raises TooLarge or Full before it holds more than may be held."""
        if announced is not None and announced > self._room.body_bytes_max:
            raise TooLarge
        parts = []
        async for chunk in chunks:
            if self.size + len(chunk) > self._room.body_bytes_max:
                raise TooLarge
            self._room.take(len(chunk))
            self.size += len(chunk)
            parts.append(chunk)
        self._room.come_in()
        self.complete = True
        return b"".join(parts)
