"""An answer that is held back from aiohttp ends as it would have, and is read as it was sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

import aiohttp
import pytest
import trustme
from aiohttp import web

from probes.attempt import observe
from probes.hold import HELD_BYTES_MAX, Hold
from probes.phases import Phases
from probes.reading_loop import ReadingLoop
from probes.stream_reader import LOOK_EVERY_S
from schemas.observation import Connection, Observation, Outcome, Reason
from tests.support.bad_server import (
    DONE,
    END,
    FINISH,
    ROLE,
    STREAM_HEAD,
    Script,
    bad_server,
    resets,
    sends,
    token,
)  # fmt: skip
from tests.support.begun_body import BegunBody
from tests.support.subjects import TICK, bench, chat_subject
from touchstone.system_clock import SystemClock

GAP_S = 0.02
TOKENS = tuple(step for number in range(5) for step in (token(f"t{number} "), GAP_S))
LOOPS = (ReadingLoop, asyncio.SelectorEventLoop)


def run(loop: type[asyncio.AbstractEventLoop], work: Coroutine[Any, Any, Observation]) -> Observation:
    """*work* on a loop of its own."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


async def seen_of(script: Script, **settings: str) -> Observation:
    """What one cold probe makes of *script*."""
    async with bad_server(script) as server, bench() as here:
        return await observe(here, chat_subject(server.url, **settings), TICK, 0, 1)


ENDS = {
    "with the last chunk": (FINISH, DONE, END),
    "alone": (FINISH, GAP_S, DONE, GAP_S, END),
    "in two halves": (FINISH, DONE, GAP_S, b"0\r\n", GAP_S, b"\r\n"),
    "in single bytes": (FINISH, DONE, *(step for byte in b"0\r\n\r\n" for step in (bytes([byte]), GAP_S))),
    "with a trailer": (FINISH, DONE, b"0\r\nX-Checksum: 1\r\n\r\n"),
    "and something after it": (FINISH, DONE, END + b"HTTP/1.1 200 OK\r\n"),
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("how", ENDS)
def test_an_end_is_seen_however_it_comes(how: str, loop: type[asyncio.AbstractEventLoop]) -> None:
    """While the connection stays open: at once, or at the next look; the timings are those of the arrivals."""
    seen = run(loop, seen_of(sends(STREAM_HEAD, ROLE, *TOKENS, *ENDS[how], 30.0)))

    assert (seen.outcome, seen.tokens.chunks, seen.instrument.merged_reads) == (Outcome.OK, 5, 0), seen.detail
    assert seen.finished_at - seen.started_at < timedelta(seconds=3 * LOOK_EVERY_S)
    assert seen.timings.total_ms is not None and seen.timings.total_ms < LOOK_EVERY_S * 1000


@pytest.mark.parametrize("loop", LOOPS)
def test_a_cut_stream_is_read_to_the_cut(loop: type[asyncio.AbstractEventLoop]) -> None:
    """Closed in order without an end, or reset."""
    closed = run(loop, seen_of(sends(STREAM_HEAD, *TOKENS)))
    reset = run(loop, seen_of(resets(STREAM_HEAD, *TOKENS)))

    assert (closed.outcome, reset.outcome) == (Outcome.FAILED, Outcome.FAILED)
    assert (closed.tokens.chunks, reset.tokens.chunks) == (5, 5)
    assert reset.reason is Reason.CONNECTION_LOST


@pytest.mark.parametrize("loop", LOOPS)
def test_a_stream_that_stalls_says_what_came_before(loop: type[asyncio.AbstractEventLoop]) -> None:
    """The limit counts from the last arrival, held or not."""
    seen = run(loop, seen_of(sends(STREAM_HEAD, *TOKENS, 5.0), stall_timeout="300ms"))

    assert (seen.reason, seen.tokens.chunks) == (Reason.STALLED, 5), seen.detail


@pytest.mark.parametrize("loop", LOOPS)
def test_more_than_is_held_comes_through(loop: type[asyncio.AbstractEventLoop]) -> None:
    """A long answer is handed over on its way."""
    long = tuple(step for _ in range(20) for step in (token("x" * (HELD_BYTES_MAX // 8)), 0.005))
    seen = run(loop, seen_of(sends(STREAM_HEAD, *long, FINISH, DONE, END)))

    assert (seen.outcome, seen.tokens.chunks) == (Outcome.OK, 20), seen.detail
    assert list(seen.timings.arrivals_ms) == sorted(seen.timings.arrivals_ms)


class Fed(asyncio.Protocol):
    """What stands where aiohttp's protocol does, and counts what it is given."""

    size = 0

    def data_received(self, data: bytes) -> None:
        """As asyncio.Protocol.data_received."""
        self.size += len(data)


async def test_what_is_much_waits_for_its_turn_up_to_a_bound() -> None:
    """Above the first bound who waits is told, once; above twice that it is handed over without him."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport, fed = await asyncio.get_running_loop().create_connection(Fed, *listener.getsockname())
        hold = Hold(transport, cast(aiohttp.StreamReader, BegunBody()), Phases(SystemClock()))
        piece = b"x" * (HELD_BYTES_MAX // 2)
        kept, handed = [], []
        for _ in range(5):
            kept.append(hold.keep(piece))
            await asyncio.sleep(0)
            handed.append(fed.size // len(piece))
        transport.close()

    assert kept == [True, True, False, True, False]
    assert handed == [0, 0, 0, 0, 5]


class NotedTurn(asyncio.Lock):
    """A lock that notes the number of the loop's turn whenever it has been taken; *often* when so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.now, self.taken, self.times, self.often = 0, list[int](), times, asyncio.Event()

    async def count(self) -> None:
        """Count the loop's turns."""
        while True:
            self.now += 1
            await asyncio.sleep(0)

    async def acquire(self) -> Literal[True]:
        """As asyncio.Lock.acquire."""
        await super().acquire()
        self.taken.append(self.now)
        if len(self.taken) == self.times:
            self.often.set()
        return True


async def turns_of_hand_overs(streams: int) -> list[int]:
    """In which turns of the loop answers were handed over that grew over the bound at the same instant."""
    turn, together, on = NotedTurn(streams), asyncio.Barrier(streams), asyncio.Event()

    async def grows(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _request: dict[str, object]) -> None:
        writer.write(STREAM_HEAD + ROLE)
        await together.wait()
        writer.write(token("x" * (HELD_BYTES_MAX + 48_000)))  # aiohttp may have some of it before it is held
        await on.wait()

    async with bad_server(grows) as server, bench(turn=turn) as here:
        subject, counting = chat_subject(server.url), asyncio.create_task(turn.count())
        probes = [asyncio.create_task(observe(here, subject, TICK, 0, streams)) for _ in range(streams)]
        await turn.often.wait()
        taken = turn.taken[:streams]
        on.set()
        await asyncio.gather(*probes)
        counting.cancel()
    return taken


def test_many_that_grow_at_once_are_handed_over_one_at_a_turn() -> None:
    """So that what comes meanwhile is read, and no token shares a read with the next."""
    with asyncio.Runner(loop_factory=ReadingLoop) as runner:
        taken = runner.run(asyncio.wait_for(turns_of_hand_overs(8), 10.0))

    assert len(set(taken)) == len(taken) == 8


async def seen_beneath_tls(folder: Path) -> Observation:
    """The same stream over TLS."""
    authority, ca_file = trustme.CA(), folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with bad_server(sends(STREAM_HEAD, ROLE, *TOKENS, FINISH, DONE, END), tls=context) as server, bench() as here:
        return await observe(here, chat_subject(server.url, ca_file=str(ca_file)), TICK, 0, 1)


@pytest.mark.parametrize("loop", LOOPS)
def test_so_it_is_over_tls(tmp_path: Path, loop: type[asyncio.AbstractEventLoop]) -> None:
    """Held above TLS, where the end can be seen."""
    seen = run(loop, seen_beneath_tls(tmp_path))

    assert (seen.outcome, seen.tokens.chunks, seen.instrument.merged_reads) == (Outcome.OK, 5, 0), seen.detail


async def seen_twice_over_one_connection() -> tuple[list[Observation], int]:
    """Two warm probes of a server that keeps connections open, and how many it had."""
    connections = set()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        connections.add(id(request.protocol))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for text in ("one", "two"):
            await response.write(b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode())
            await asyncio.sleep(GAP_S)
        await response.write(b"data: [DONE]\n\n")
        return response

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with bench() as here:
            subject = chat_subject(f"http://127.0.0.1:{runner.addresses[0][1]}", connection="warm")
            seen = [await observe(here, subject, TICK, 0, 1) for _ in range(2)]
    finally:
        await runner.cleanup()
    return seen, len(connections)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_connection_is_given_back(loop: type[asyncio.AbstractEventLoop]) -> None:
    """What was held went over a connection that answers further requests."""
    with asyncio.Runner(loop_factory=loop) as runner:
        seen, connections = runner.run(seen_twice_over_one_connection())

    assert [(one.outcome, one.tokens.chunks, one.instrument.connection) for one in seen] == [
        (Outcome.OK, 2, Connection.WARM)
    ] * 2
    assert connections == 1
