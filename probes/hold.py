"""
Holds back from aiohttp what comes of an answer while it streams, so that a piece costs a note and nothing else.

A Hold stands in for aiohttp's protocol on the connection's transport (asyncio's `set_protocol`, above TLS). It hands
over what it holds piece by piece, as it came, when the answer may have ended: aiohttp sees the same bytes, later.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise

import aiohttp

from probes.phases import Phases
from probes.reading_loop import PAUSE_S, ReadingLoop
from probes.stamped_socket import CONTROL_BYTES, READ_BYTES_MAX, StampedSocket

BODY_BYTES_MAX = 8 * 1024 * 1024
HELD_BYTES_MAX = 64 * 1024  # then it is handed over in turn with others; at twice that it waits for no turn
END = b"\r\n\r\n"  # how a chunked body ends, trailers or not; an event seldom does
END_BYTES = len(END)
LOOK_EVERY_READS = 8  # the first token is among the first of them
WAITING_GAP_S = 4 * PAUSE_S  # between reads, so that a pause joins no two of them


class Hold(asyncio.Protocol):
    """
    Stands in for aiohttp's protocol on *transport* until *body*, which that feeds, has ended, or until `leave`.

    *stirred* is set when the body may have ended; whoever waits for it is to call `hand_over`.
    """

    __slots__ = ("_body", "_journal", "_pieces", "_reads", "_real", "_transport", "size", "stirred")

    def __init__(self, transport: asyncio.Transport, body: aiohttp.StreamReader, phases: Phases) -> None:
        real = transport.get_protocol()
        assert isinstance(real, asyncio.Protocol)
        self.size = 0  # of what is held
        self.stirred = asyncio.Event()
        self._pieces: list[bytes] = []
        self._reads: list[int] = []  # how many had been made when each piece was there
        self._transport, self._real, self._body, self._journal = transport, real, body, phases.journal
        self._journal.holding = True
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol.data_received."""
        self.keep(data)

    def keep(self, data: bytes) -> bool:
        """Keep a piece; False when there is more to do than was told, because it may be the last, or they are many."""
        self._pieces.append(data)
        self._reads.append(len(self._journal.user))
        self.size += len(data)
        if data[-END_BYTES:] != END and len(data) >= END_BYTES and self.size <= HELD_BYTES_MAX:
            return True
        if self.size > 2 * HELD_BYTES_MAX:  # its turn does not come
            asyncio.get_running_loop().call_soon(self.hand_over)  # not within the selector
        elif self.stirred.is_set():
            return True
        self.stirred.set()
        return False

    def hand_over(self) -> None:
        """Let aiohttp have what is held; of a body that has grown too large the rest is dropped."""
        self.stirred.clear()
        pieces, reads, body, starts = self._pieces, self._reads, self._body, self._journal.starts
        self._pieces, self._reads, self.size = [], [], 0
        for data, made in zip(pieces, reads, strict=True):
            if body.total_bytes > BODY_BYTES_MAX:
                break
            starts += [body.total_bytes] * (made - len(starts))
            self._real.data_received(data)
        if body.is_eof():
            self.leave()

    def leave(self) -> None:
        """Hand over, and give aiohttp its place back."""
        if not self._journal.holding:
            return
        self._journal.holding = False
        self.hand_over()
        starts = self._journal.starts
        starts.extend([self._body.total_bytes] * (len(self._journal.user) - len(starts)))
        if self._transport.get_protocol() is self:
            self._transport.set_protocol(self._real)

    def eof_received(self) -> bool | None:
        """As asyncio.Protocol.eof_received."""
        self.hand_over()
        self.stirred.set()
        return self._real.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """As asyncio.Protocol.connection_lost."""
        self.hand_over()
        self.stirred.set()
        self._real.connection_lost(error)

    def pause_writing(self) -> None:
        """As asyncio.Protocol.pause_writing."""
        self._real.pause_writing()

    def resume_writing(self) -> None:
        """As asyncio.Protocol.resume_writing."""
        self._real.resume_writing()


class SocketHold(Hold):
    """
    A Hold that reads its socket itself, in the selector of a ReadingLoop; what it reads must be the plain text.

    The socket may wait while its reads lie so far apart that none would be joined by it.
    """

    __slots__ = ("_look_at", "_loop", "_number", "_recvmsg")

    def __init__(
        self,
        transport: asyncio.Transport,
        body: aiohttp.StreamReader,
        phases: Phases,
        socket: StampedSocket,
        loop: ReadingLoop,
    ) -> None:
        super().__init__(transport, body, phases)
        self._recvmsg, self._loop, self._number = socket.recvmsg, loop, socket.fileno()
        self._look_at = len(self._journal.user) + LOOK_EVERY_READS
        transport.pause_reading()
        loop.reading.add(self._number, self.read)

    def read(self) -> bool:
        """Read what there is; False when that leaves something to do for the transport or the loop."""
        try:
            data, control, _, _ = self._recvmsg(READ_BYTES_MAX, CONTROL_BYTES)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            self._transport.abort()
            data = b""
        if not data:
            self._give_back()
            return False
        journal = self._journal
        journal.note_read(control)
        if len(journal.user) == self._look_at:
            self._look(stamped=bool(control))
        return self.keep(data)

    def _look(self, *, stamped: bool) -> None:
        """Let the socket wait, or not: by the reads since the last look, and whether the kernel *stamped* them."""
        user = self._journal.user
        slow = min(after - before for before, after in pairwise(user[-LOOK_EVERY_READS:])) >= WAITING_GAP_S
        self._loop.reading.let_wait(self._number, may=stamped and slow)
        self._look_at = len(user) + LOOK_EVERY_READS

    def leave(self) -> None:
        """As Hold.leave."""
        self._give_back()
        super().leave()

    def connection_lost(self, error: Exception | None) -> None:
        """As Hold.connection_lost; the number may be another socket's from here."""
        self._loop.reading.discard(self._number)
        super().connection_lost(error)

    def _give_back(self) -> None:
        """Let the transport read."""
        self._loop.reading.discard(self._number)
        self._transport.resume_reading()


def held(response: aiohttp.ClientResponse, phases: Phases) -> Hold | None:
    """A Hold on a chunked answer, whose end can be seen; None for every other, and for one that has ended."""
    connection, loop = response.connection, asyncio.get_running_loop()
    if connection is None or connection.transport is None or response.headers.get("Transfer-Encoding") != "chunked":
        return None
    transport, socket = connection.transport, phases.socket
    if isinstance(loop, ReadingLoop) and socket is not None and transport.get_extra_info("ssl_object") is None:
        return SocketHold(transport, response.content, phases, socket, loop)
    return Hold(transport, response.content, phases)
