"""Arrivals are stamped by the kernel, whatever the event loop does meanwhile; the request at its write."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import trustme

from probes.attempt import observe, wants_warm
from probes.connection import require_selector_loop
from probes.kinds.chat_stream import ChatStreamModule
from probes.phases import Phases
from probes.stamped_socket import Journal, StampedSocket, ask_for_stamps
from probes.stream_reader import _reads_with_body
from schemas.errors import TouchstoneError
from schemas.observation import Connection, Distrust, Observation, Outcome, Stamp
from tests.support.bad_server import (
    DONE,
    END,
    FINISH,
    ROLE,
    STREAM_HEAD,
    BadServer,
    Script,
    bad_server,
    chunk,
    event,
    resets,
    sends,
    token,
)  # fmt: skip
from tests.support.keeping_server import keeping_server
from tests.support.subjects import TICK, bench, chat_subject, http_subject
from touchstone.system_clock import SystemClock

GAP_S = 0.05
TOKENS = 10
ANSWER = (ROLE, *(step for n in range(TOKENS) for step in (token(f"t{n} "), GAP_S)), FINISH, DONE, END)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's stamps are Linux's")


@contextmanager
def elsewhere(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[BadServer]:
    """*script* served by a thread with a loop of its own, which ours cannot hold up."""
    ready: list[tuple[BadServer, asyncio.AbstractEventLoop, asyncio.Event]] = []
    begun = threading.Event()

    async def serve() -> None:
        async with bad_server(script, tls=tls) as server:
            stop = asyncio.Event()
            ready.append((server, asyncio.get_running_loop(), stop))
            begun.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert begun.wait(10)
    server, loop, stop = ready[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def seen_while_blocked(server: BadServer, *, ca_file: str | None = None) -> Observation:
    """The stream seen by a loop that is held up for 30 ms again and again: shorter than a gap between tokens."""

    async def hold_up() -> None:
        while True:
            await asyncio.sleep(0.005)
            time.sleep(0.03)  # noqa: ASYNC251 (blocking the loop is the point)

    async with bench() as here:
        blocking = asyncio.create_task(hold_up())
        seen = await observe(here, chat_subject(server.url, ca_file=ca_file, ttft_timeout="2s"), TICK, 0, 1)
        blocking.cancel()
    return seen


def off_ms(seen: Observation, written: list[float]) -> float:
    """How far the gaps are from those between the server's writes, in the middle: either side may be held up once."""
    tokens = written[2 : 2 + TOKENS]  # after head and role
    gaps_ms = [(later - earlier) * 1000 for earlier, later in pairwise(tokens)]
    return sorted(abs(gap - true) for gap, true in zip(seen.timings.gaps_ms, gaps_ms, strict=True))[TOKENS // 2]


@linux
async def test_a_held_up_loop_does_not_show_in_the_gaps() -> None:
    """A stamp taken by the process would be up to 30 ms late; the kernel's is not."""
    written: list[float] = []
    with elsewhere(sends(STREAM_HEAD, *ANSWER, written=written)) as server:
        seen = await seen_while_blocked(server)

    assert (seen.outcome, seen.instrument.stamp, seen.instrument.merged_reads) == (Outcome.OK, Stamp.KERNEL, 0)
    assert off_ms(seen, written) < 4


@linux
async def test_so_it_is_beneath_tls(tmp_path: Path) -> None:
    """The plaintext of a record has the stamp of the read that completed it."""
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    written: list[float] = []
    with elsewhere(sends(STREAM_HEAD, *ANSWER, written=written), tls=context) as server:
        seen = await seen_while_blocked(server, ca_file=str(ca_file))

    assert (seen.outcome, seen.instrument.stamp) == (Outcome.OK, Stamp.KERNEL), seen.detail
    assert off_ms(seen, written) < 4


async def test_chunks_that_came_in_one_read_are_counted() -> None:
    """Two events in one segment share a stamp, and the row says that one read was so."""
    pair = chunk(b"".join(b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % n for n in range(2)))
    async with bad_server(sends(STREAM_HEAD, 0.05, pair, 0.05, token("x"), 0.05, FINISH, END)) as server, bench() as b:
        seen = await observe(b, chat_subject(server.url), TICK, 0, 1)

    assert (seen.tokens.chunks, seen.instrument.merged_reads) == (3, 1)
    assert seen.timings.arrivals_ms[0] == seen.timings.arrivals_ms[1] < seen.timings.arrivals_ms[2]


@linux
async def test_a_first_token_that_we_read_late_and_with_others_is_not_trusted() -> None:
    """The loop is held up for a second while eight tokens come 30 ms apart: the first is stamped as the last is."""
    begin = threading.Event()
    tokens = [step for n in range(8) for step in (token(f"t{n} "), 0.03)]

    async def when_told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, object]) -> None:
        await sends(STREAM_HEAD, ROLE)(reader, writer, request)
        await asyncio.to_thread(begin.wait, 20)
        await sends(*tokens, FINISH, DONE, END)(reader, writer, request)

    patient = {"timeout": "20s", "ttft_timeout": "10s", "stall_timeout": "10s"}
    with elsewhere(when_told) as server:
        async with bench(lag_limit_s=60.0) as here:
            asking = asyncio.create_task(observe(here, chat_subject(server.url, **patient), TICK, 0, 1))
            while not server.requests:  # noqa: ASYNC110 (a thread's list tells nobody)
                await asyncio.sleep(0.01)
            begin.set()
            time.sleep(1.0)  # noqa: ASYNC251 (blocking the loop is the point)
            seen = await asking

    assert (seen.outcome, seen.distrust) == (Outcome.OK, Distrust.MERGED_FIRST_TOKEN)


async def test_what_came_before_a_cut_is_kept() -> None:
    """The tokens of a stream that is reset are there, each with its arrival."""
    async with bad_server(resets(STREAM_HEAD, token("one "), 0.05, token("two"), 0.05)) as server, bench() as here:
        seen = await observe(here, chat_subject(server.url), TICK, 0, 1)

    assert (seen.outcome, seen.tokens.chunks, len(seen.timings.arrivals_ms)) == (Outcome.FAILED, 2, 2)


async def test_reasoning_content_and_end_are_three_instants() -> None:
    """Reasoning first, content later, and the end of the stream later still."""
    thinks = event({"choices": [{"delta": {"reasoning_content": "hm"}}]})
    async with (
        bad_server(sends(STREAM_HEAD, ROLE, 0.1, thinks, 0.1, token("a"), 0.1, FINISH, DONE, END)) as server,
        bench() as here,
    ):
        timings = (await observe(here, chat_subject(server.url), TICK, 0, 1)).timings

    assert timings.reasoning_ms is not None and timings.first_token_ms is not None
    assert timings.stream_end_ms is not None and timings.last_token_ms is not None
    assert timings.reasoning_ms + 95 <= timings.first_token_ms <= timings.last_token_ms <= timings.stream_end_ms - 95


class SteppingClock(SystemClock):
    """The system's clock, whose wall steps by *step_s* after *readings* of its offset."""

    def __init__(self, step_s: float, readings: int) -> None:
        self._step_s, self._left = step_s, readings

    def wall_offset(self) -> float:
        """As SystemClock, stepped."""
        self._left -= 1
        return super().wall_offset() + (self._step_s if self._left < 0 else 0.0)


async def test_a_step_of_the_clock_is_seen_and_its_timings_are_not_trusted() -> None:
    """The stamps are the user's then, so that nothing is an hour off; the row says how far the clock went."""
    async with bad_server(sends(STREAM_HEAD, *ANSWER)) as server, bench(clock=SteppingClock(3600.0, 1)) as here:
        seen = await observe(here, chat_subject(server.url), TICK, 0, 1)

    assert (seen.outcome, seen.distrust, seen.instrument.stamp) == (Outcome.OK, Distrust.CLOCK_STEP, Stamp.USER)
    assert round(seen.instrument.clock_step_ms / 1000) == 3600
    assert seen.timings.total_ms is not None and seen.timings.total_ms < 5000


async def test_more_streams_than_the_agent_measures_truly_are_not_trusted() -> None:
    """The outcome stands."""
    async with bad_server(sends(STREAM_HEAD, *ANSWER)) as server, bench() as here:
        seen = await observe(here, chat_subject(server.url), TICK, 0, 501)

    assert (seen.outcome, seen.distrust) == (Outcome.OK, Distrust.STREAMS_OPEN)


def test_without_a_stamp_of_the_kernel_it_is_the_users() -> None:
    """One read without is enough: two clocks are never mixed in one row."""
    phases = Phases(SystemClock())
    near, far = socket.socketpair()
    with near, far:
        for control in ([], [(socket.SOL_SOCKET, 35, b"")]):
            phases.journal.note_read(control)
        phases.finish()

    assert (phases.stamp, phases.stamps) == (Stamp.USER, phases.journal.user)


@linux
def test_the_kernel_says_when_a_segment_came_not_when_it_was_read() -> None:
    """Read 50 ms after it came, the stamp is 50 ms old."""
    clock = SystemClock()
    with socket.create_server(("127.0.0.1", 0)) as listening, StampedSocket() as near:
        assert ask_for_stamps(near)
        time.sleep(0.05)  # the kernel begins a moment after the first socket has asked
        near.connect(listening.getsockname())
        near.journal = Journal(clock.monotonic)
        far, _ = listening.accept()
        with far:
            far.send(b"x")
            time.sleep(0.05)
            assert near.recv(10) == b"x"
    stamp = near.journal.kernel_s()[0]

    assert stamp is not None and 0.045 < near.journal.user[0] - (stamp - clock.wall_offset()) < 1.0


async def test_t0_is_the_write_not_the_call() -> None:
    """A loop that is held up before the request leaves does not lengthen the TTFT."""
    with elsewhere(sends(STREAM_HEAD, 0.1, *ANSWER)) as server:
        async with bench(lag_limit_s=60.0) as here:
            patient = {"timeout": "20s", "ttft_timeout": "10s", "stall_timeout": "10s"}
            asking = asyncio.create_task(observe(here, chat_subject(server.url, **patient), TICK, 0, 1))
            await asyncio.sleep(0)
            time.sleep(1.0)  # noqa: ASYNC251 (blocking the loop is the point)
            seen = await asking

    assert seen.timings.sent_ms is not None and seen.timings.sent_ms > 1000
    assert seen.timings.first_token_ms is not None and 95 < seen.timings.first_token_ms < 1000


@pytest.mark.parametrize(
    ("connection", "attempt", "expected"),
    [("cold", 0, [False] * 4), ("warm", 0, [True] * 4), ("warm", 1, [False] * 4),
     ("alternate", 0, [False, True, False, True]), ("alternate", 2, [False] * 4)],
)  # fmt: skip
def test_cold_and_warm_are_scheduled(connection: str, attempt: int, expected: list[bool]) -> None:
    """In turn by default; a re-probe always has a connection of its own."""
    from datetime import timedelta

    module = ChatStreamModule(kind="chat_stream", connection=connection)  # type: ignore[arg-type]
    ticks = [TICK + timedelta(seconds=60 * n) for n in range(4)]

    assert [wants_warm(module, tick, attempt) for tick in ticks] == expected


async def test_a_warm_request_goes_over_a_connection_that_has_just_answered() -> None:
    """One connection, asked once before; no phase of connecting is in the row."""
    async with keeping_server() as server, bench() as here:
        seen = await observe(here, http_subject(server.url, connection="warm"), TICK, 0, 1)

    assert (seen.outcome, seen.instrument.connection) == (Outcome.OK, Connection.WARM), seen.detail
    assert (server.connections, server.methods) == (1, ["GET", "GET"])
    assert (seen.timings.connect_ms, seen.timings.dns_ms) == (None, None)


async def test_where_the_server_keeps_nothing_open_the_row_says_cold() -> None:
    """And nothing fails by it: a connection that the server closed is no failure of the provider."""
    async with keeping_server(keeps=False) as server, bench() as here:
        seen = await observe(here, http_subject(server.url, connection="warm"), TICK, 0, 1)

    assert (seen.outcome, seen.instrument.connection) == (Outcome.OK, Connection.COLD), seen.detail
    assert server.connections == 2


async def test_a_connection_that_was_closed_since_is_not_asked() -> None:
    """The server drops what it kept; the next warm request still has its answer."""
    async with keeping_server() as server, bench() as here:
        subject = http_subject(server.url, connection="warm")
        first = await observe(here, subject, TICK, 0, 1)
        server.drop()
        second = await observe(here, subject, TICK, 0, 1)

    assert [one.outcome for one in (first, second)] == [Outcome.OK, Outcome.OK]
    assert second.instrument.connection is Connection.WARM


def test_a_loop_that_does_not_read_through_its_sockets_is_refused() -> None:
    """uvloop reads file descriptors itself: there would be no stamps, and nobody would know."""

    class OtherLoop(asyncio.BaseEventLoop):
        pass

    with pytest.raises(TouchstoneError, match="selector event loop"):
        require_selector_loop(OtherLoop())


def test_reads_that_brought_nothing_of_the_body_are_left_out() -> None:
    """Headers, framing; and a body whose reads nobody noted has no stamps, and is no error."""
    assert _reads_with_body((1.0, 2.0, 3.0), (0, 0, 5), 9) == ((2.0, 3.0), (5, 9))
    assert _reads_with_body((1.0, 2.0), (0, 5), 5) == ((1.0,), (5,))
    assert _reads_with_body((), (), 9) == ((), ())
