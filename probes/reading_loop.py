"""
An event loop whose selector reads streaming sockets as it finds them readable, without a callback for each piece.

An epoll in an epoll in an epoll: asyncio's own, to which everything else comes as ever; around it that of the sockets
that are read at once; around that one the sockets that may wait, because the kernel has stamped what is in them. While
many may, what came within PAUSE_S is read in one go: the wake costs more than the read.
"""

from __future__ import annotations

import asyncio
import math
import select
import sys
from collections.abc import Callable
from selectors import SelectorKey

if sys.platform == "linux":
    from selectors import EpollSelector as Selector
else:
    from selectors import DefaultSelector as Selector


PAUSE_S = 0.001  # epoll counts in ms
WAITING_MIN = 16  # sockets; with fewer there is seldom a second one to read after a pause


class ReadingSelector(Selector):
    """A selector with *readers*, by file descriptor; each says False when the loop has something to do."""

    def __init__(self, monotonic: Callable[[], float], pause_s: float = PAUSE_S) -> None:
        super().__init__()
        self.waiting: set[int] = set()  # the numbers of sockets that may wait
        self._monotonic, self._pause_s = monotonic, pause_s
        self._prompt, self._whole = select.epoll(), select.epoll()
        self._readers: dict[int, Callable[[], bool]] = {self._prompt.fileno(): self._read_prompt}
        self._prompt.register(self.fileno(), select.EPOLLIN)
        self._whole.register(self._prompt.fileno(), select.EPOLLIN)

    def add(self, number: int, reader: Callable[[], bool]) -> None:
        """Have *reader* read the socket *number*, at once when there is something."""
        self._readers[number] = reader
        self._prompt.register(number, select.EPOLLIN)

    def let_wait(self, number: int, *, may: bool) -> None:
        """Say whether what comes to the socket *number* may be read a pause later."""
        if may == (number in self.waiting):
            return
        before, after = (self._prompt, self._whole) if may else (self._whole, self._prompt)
        before.unregister(number)
        after.register(number, select.EPOLLIN)
        self.waiting ^= {number}

    def discard(self, number: int) -> None:
        """Leave the socket *number* alone."""
        if self._readers.pop(number, None) is not None:
            (self._whole if number in self.waiting else self._prompt).unregister(number)
            self.waiting.discard(number)

    def close(self) -> None:
        """As selectors.BaseSelector.close."""
        self._whole.close()
        self._prompt.close()
        super().close()

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """As selectors.BaseSelector.select."""
        if len(self._readers) == 1:  # no socket
            return super().select(timeout)
        deadline = math.inf if timeout is None else self._monotonic() + timeout
        wait_s = timeout
        while self._read(self._whole.poll(wait_s)):
            left_s = deadline - self._monotonic()
            if left_s > 0 and len(self.waiting) >= WAITING_MIN:
                if not self._read(self._prompt.poll(min(left_s, self._pause_s))):
                    break
                left_s = deadline - self._monotonic()
            if left_s <= 0:
                return []
            wait_s = None if timeout is None else left_s
        return super().select(0)

    def _read_prompt(self) -> bool:
        return self._read(self._prompt.poll(0))

    def _read(self, found: list[tuple[int, int]]) -> bool:
        """Read what was *found* readable; False when the loop has something to do."""
        readers, quiet = self._readers, True
        for number, _ in found:
            reader = readers.get(number)
            if reader is None or not reader():
                quiet = False
        return quiet


class ReadingLoop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, whose *reading* selector reads by itself."""

    def __init__(self) -> None:
        self.reading = ReadingSelector(self.time)
        super().__init__(self.reading)


def probing_loop() -> asyncio.AbstractEventLoop:
    """A loop to probe in: a ReadingLoop where there is epoll, asyncio's own elsewhere."""
    return ReadingLoop() if sys.platform == "linux" else asyncio.SelectorEventLoop()
