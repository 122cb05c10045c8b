"""
Reads a response body, stamping every arrival and doing nothing else; JSON is parsed after the stream has closed.

How the body ended is kept apart from what it said: `eof`, `lost`, `stalled`, `timeout`, `too_large`, `undecodable`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum

import aiohttp

from probes.failure import SERVER_ERRORS
from schemas.clock import Clock

BODY_BYTES_MAX = 8 * 1024 * 1024
CHUNKS_MAX = 100_000


class Ending(Enum):
    """How a body ended."""

    EOF = "the server closed it in order"
    LOST = "the connection was lost"
    STALLED = "nothing came for the stall limit"
    TIMEOUT = "the total time was over"
    TOO_LARGE = "it grew over the limit"
    UNDECODABLE = "its content encoding could not be undone"


@dataclass(slots=True)
class Body:
    """Arrivals in order: *stamps* (s, monotonic) and *pieces* have equal length."""

    stamps: list[float] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    ending: Ending = Ending.EOF

    def join(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)


async def read_body(
    response: aiohttp.ClientResponse, clock: Clock, *, first_s: float, stall_s: float, deadline: float
) -> Body:
    """
    The body of *response* until it ends; *first_s* bounds the wait for its first piece, *stall_s* every later one.

    *deadline* is an instant of the monotonic clock. Whatever the server does is an Ending, never an exception.
    """
    body = Body()
    content = response.content
    try:
        while True:
            patience = min(stall_s if body.pieces else first_s, deadline - clock.monotonic())
            async with asyncio.timeout(max(patience, 0)):
                piece = await content.readany()
            stamp = clock.monotonic()
            if not piece:
                return body
            body.stamps.append(stamp)
            body.pieces.append(piece)
            body.size += len(piece)
            if body.size > BODY_BYTES_MAX or len(body.pieces) > CHUNKS_MAX:
                body.ending = Ending.TOO_LARGE
                return body
    except TimeoutError:
        body.ending = Ending.TIMEOUT if clock.monotonic() >= deadline else Ending.STALLED
    except aiohttp.ClientPayloadError as error:
        body.ending = Ending.UNDECODABLE if "decod" in str(error).lower() else Ending.LOST
    except SERVER_ERRORS:
        body.ending = Ending.LOST
    return body
