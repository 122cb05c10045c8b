"""
An event loop whose selector reads streaming sockets as it finds them readable, without a callback for each piece.

Its epoll holds those sockets, and the epoll of everything else, which comes to asyncio as ever.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable
from selectors import SelectorKey

if sys.platform == "linux":
    from selectors import EpollSelector as Selector
else:
    from selectors import DefaultSelector as Selector


class ReadingSelector(Selector):
    """A selector with *readers*, by file descriptor; each says False when the loop has something to do."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._readers: dict[int, Callable[[], bool]] = {}
        self._own = select.epoll()
        self._own.register(self.fileno(), select.EPOLLIN)

    def add(self, number: int, reader: Callable[[], bool]) -> None:
        """Have *reader* read the socket *number*."""
        self._readers[number] = reader
        self._own.register(number, select.EPOLLIN)

    def discard(self, number: int) -> None:
        """Leave the socket *number* alone."""
        if self._readers.pop(number, None) is not None:
            self._own.unregister(number)

    def close(self) -> None:
        """As selectors.BaseSelector.close."""
        self._own.close()
        super().close()

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """As selectors.BaseSelector.select."""
        readers = self._readers
        if not readers:
            return super().select(timeout)
        poll, wait_s = self._own.poll, timeout
        deadline = None if timeout is None else self._monotonic() + timeout
        while True:
            wake = False
            for number, _ in poll(wait_s):
                reader = readers.get(number)
                if reader is None or not reader():
                    wake = True
            if wake:
                return super().select(0)
            if deadline is not None:
                wait_s = deadline - self._monotonic()
                if wait_s <= 0:
                    return []


class ReadingLoop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, whose *reading* selector reads by itself."""

    def __init__(self) -> None:
        self.reading = ReadingSelector(self.time)
        super().__init__(self.reading)


def probing_loop() -> asyncio.AbstractEventLoop:
    """A loop to probe in: a ReadingLoop where there is epoll, asyncio's own elsewhere."""
    return ReadingLoop() if sys.platform == "linux" else asyncio.SelectorEventLoop()
