"""
A socket beneath aiohttp that notes when the kernel received what is read, and when it is written to.

asyncio's selector transports call `recv`, `recv_into` and `send` of the socket they are given, with TLS above or not,
and aiohttp takes sockets from a `socket_factory`; so nothing private is touched. A kernel stamp (SO_TIMESTAMPNS, Linux)
is the arrival of the newest segment in a read: neither the event loop's lateness nor Python's speed is in it.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

READ_BYTES_MAX = 16_384  # one TLS record, many segments: what came in one read shares a stamp
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; the socket module has no name for it
_TIMESPEC = struct.Struct("@ll")
CONTROL_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if sys.platform == "linux" else 0

Control = list[tuple[int, int, bytes]]  # level, type, data


class Growing(Protocol):
    """A body that grows while its socket is read: aiohttp's StreamReader."""

    total_bytes: int


@dataclass(slots=True)
class Journal:
    """
    What one request did on its socket.

    user: when each read was made (s, monotonic). kernel: the kernel's stamp of it, empty for none. starts: how
    much of the body there was before it, 0 until the body is known; a Hold adds them when it hands over, while it is
    *holding*. written: the last write before the answer.
    """

    monotonic: Callable[[], float]
    user: list[float] = field(default_factory=list)
    kernel: list[bytes] = field(default_factory=list)  # bytes, not tuples: the garbage collector need not look at them
    starts: list[int] = field(default_factory=list)
    written: float | None = None
    body: Growing | None = None
    holding: bool = False

    def note_read(self, control: Control) -> None:
        """A read has just been made; what it brought is not in the body yet."""
        self.user.append(self.monotonic())
        self.kernel.append(control[0][2] if control else b"")
        if not self.holding:
            self.starts.append(self.body.total_bytes if self.body is not None else 0)

    def kernel_s(self) -> list[float]:
        """The kernel's stamps, in seconds of the wall clock; fewer than reads where it gave none."""
        return [seconds + nanoseconds / 1e9 for seconds, nanoseconds in _TIMESPEC.iter_unpack(b"".join(self.kernel))]


class StampedSocket(socket.socket):
    """A TCP socket with a journal; without one it is a plain socket. *used*: a request has been sent on it before."""

    journal: Journal | None = None
    used = False

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As socket.recv, at most READ_BYTES_MAX at a time while a journal is kept."""
        journal = self.journal
        if journal is None:
            return super().recv(bufsize, flags)
        data, control, _, _ = self.recvmsg(min(bufsize, READ_BYTES_MAX), CONTROL_BYTES, flags)
        if data:
            journal.note_read(control)
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As socket.recv_into, at most READ_BYTES_MAX at a time while a journal is kept."""
        journal = self.journal
        if journal is None:
            return super().recv_into(buffer, nbytes, flags)
        size, control, _, _ = self.recvmsg_into([memoryview(buffer)[:READ_BYTES_MAX]], CONTROL_BYTES, flags)
        if size:
            journal.note_read(control)
        return size

    def send(self, data: Any, flags: int = 0, /) -> int:
        """As socket.send; the instant just before it is noted."""
        self._note_write()
        return super().send(data, flags)

    def sendmsg(self, *arguments: Any) -> int:
        """As socket.sendmsg; the instant just before it is noted."""
        self._note_write()
        return super().sendmsg(*arguments)

    def _note_write(self) -> None:
        if (journal := self.journal) is not None:
            journal.written = journal.monotonic()


def stamped_socket(address: tuple[Any, ...]) -> StampedSocket:
    """A socket for aiohttp's `socket_factory`; where the kernel gives no stamps, its reads have the user's only."""
    family, kind, protocol, _, _ = address
    made = StampedSocket(family, kind, protocol)
    ask_for_stamps(made)
    return made


def ask_for_stamps(made: socket.socket) -> bool:
    """Have the kernel stamp what *made* receives; False where it does not."""
    if sys.platform != "linux":
        return False
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True
