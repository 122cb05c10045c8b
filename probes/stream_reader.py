"""
Waits for a response body to end while its socket stamps every arrival; JSON is parsed after the stream has closed.

How the body ended is kept apart from what it said: `eof`, `lost`, `stalled`, `timeout`, `too_large`, `undecodable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from itertools import compress, pairwise

import aiohttp

from probes.failure import SERVER_ERRORS
from probes.hold import BODY_BYTES_MAX, Hold, held
from probes.phases import Phases

READS_MAX = 100_000
LOOK_EVERY_S = 1.0  # between looks at the size of what has come


class Ending(Enum):
    """How a body ended."""

    EOF = "the server closed it in order"
    LOST = "the connection was lost"
    STALLED = "nothing came for the stall limit"
    TIMEOUT = "the total time was over"
    TOO_LARGE = "it grew over the limit"
    UNDECODABLE = "its content encoding could not be undone"


@dataclass(frozen=True, slots=True)
class Body:
    """
    A body that has ended: *stamps* (s, monotonic) of the reads that brought it, each up to the offset in *ends*.

    *size* counts what came; of a body that grew over the limit nothing else is kept.
    """

    content: bytes = b""
    size: int = 0
    stamps: tuple[float, ...] = ()
    ends: tuple[int, ...] = ()
    ending: Ending = Ending.EOF

    @property
    def end(self) -> float | None:
        """When its last byte arrived; None when there was none."""
        return self.stamps[-1] if self.stamps else None


async def read_body(
    response: aiohttp.ClientResponse,
    phases: Phases,
    turn: asyncio.Lock,
    *,
    first_s: float,
    stall_s: float,
    deadline: float,
) -> Body:
    """
    The body of *response* until it ends; *first_s* bounds the wait for its first byte, *stall_s* every later one.

    *deadline* is an instant of the monotonic clock. Whatever the server does is an Ending, never an exception. Nothing
    wakes for each arrival: the socket's journal has them, and a Hold or aiohttp the bytes, up to BODY_BYTES_MAX. Bodies
    that have ended take their *turn*, so that arrivals of the others are read in between.
    """
    content, hold = response.content, held(response, phases)
    try:
        ending = await _ended(content, hold, phases, turn, first_s, stall_s, deadline)
    except aiohttp.ClientPayloadError as error:
        ending = Ending.UNDECODABLE if "decod" in str(error).lower() else Ending.LOST
    except SERVER_ERRORS:
        ending = Ending.LOST
    finally:
        if hold is not None:
            hold.leave()
    phases.finish()
    if ending is Ending.EOF and phases.stamps:
        phases.end = phases.stamps[-1]  # and not when its turn came
    if ending is Ending.TOO_LARGE:
        return Body(size=content.total_bytes, ending=ending)
    content.set_exception(None)  # type: ignore[arg-type]  # it has been seen: what came before it can be read
    stamps, ends = _reads_with_body(phases.stamps, phases.journal.starts, content.total_bytes)
    return Body(content.read_nowait(), content.total_bytes, stamps, ends, ending)


async def _ended(
    content: aiohttp.StreamReader,
    hold: Hold | None,
    phases: Phases,
    turn: asyncio.Lock,
    first_s: float,
    stall_s: float,
    deadline: float,
) -> Ending:
    clock, reads = phases.clock, phases.journal.user
    begun = clock.monotonic()
    while not content.is_eof():
        if (error := content.exception()) is not None:  # set before anybody waited
            raise error
        now = clock.monotonic()
        begun_to_come = content.total_bytes or (hold is not None and hold.size)
        limit = min(deadline, reads[-1] + stall_s if begun_to_come and reads else begun + first_s)
        if content.total_bytes > BODY_BYTES_MAX or len(reads) > READS_MAX:
            return Ending.TOO_LARGE
        if now >= limit:
            return Ending.TIMEOUT if now >= deadline else Ending.STALLED
        with suppress(TimeoutError):
            async with asyncio.timeout(min(limit - now, LOOK_EVERY_S)):
                await (content.wait_eof() if hold is None else hold.stirred.wait())
        quiet_s = clock.monotonic() - reads[-1] if reads else 0.0
        if hold is not None and (hold.stirred.is_set() or quiet_s >= min(LOOK_EVERY_S, stall_s)):
            async with turn:
                hold.hand_over()
                if not content.is_eof():
                    await clock.sleep(0)  # or many that are told at once would hand over one after the other
    return Ending.EOF


def _reads_with_body(
    stamps: Sequence[float], starts: Sequence[int], size: int
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Stamps and ends of the reads that brought some of the body; the others brought headers, framing, a handshake."""
    brought = [end > start for start, end in pairwise((*starts, size))]
    return tuple(compress(stamps, brought)), tuple(compress((*starts[1:], size), brought))
