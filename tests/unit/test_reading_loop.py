"""Sockets that may wait are read together, and nothing else waits for them."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from selectors import EVENT_READ
from time import monotonic
from typing import cast

import pytest
from aiohttp import StreamReader

from probes.attempt import observe
from probes.hold import LOOK_EVERY_READS, SocketHold
from probes.phases import Phases
from probes.reading_loop import WAITING_MIN, ReadingLoop, ReadingSelector
from probes.stamped_socket import StampedSocket, ask_for_stamps
from schemas.observation import Observation, Outcome, Stamp
from tests.support.bad_server import DONE, END, FINISH, ROLE, STREAM_HEAD, Script, bad_server, sends, token
from tests.support.begun_body import BegunBody
from tests.support.subjects import TICK, bench, chat_subject
from touchstone.system_clock import SystemClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")

SOON_S = 2.0  # far less than LONG_S, on a busy machine too
LONG_S = 20.0
SHORT_S = 0.2


class Line:
    """A pair of sockets: *near* is read, what is written to *far* comes there; *read_at* are the instants of reads."""

    def __init__(self, then: Callable[[], object] = lambda: None, *, stirs: bool = False) -> None:
        self.near, self.far = socket.socketpair()
        self.then, self.stirs = then, stirs
        self.read_at: list[float] = []

    def write(self) -> None:
        """Let a byte come."""
        self.far.send(b"x")

    def read(self) -> bool:
        """The reader; what is to happen *then* happens the first time."""
        self.near.recv(1)
        self.read_at.append(monotonic())
        if len(self.read_at) == 1:
            self.then()
        return not self.stirs

    def close(self) -> None:
        """Close both."""
        self.near.close()
        self.far.close()


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """So many lines that they may wait."""
    made = [Line() for _ in range(WAITING_MIN)]
    yield made
    for line in made:
        line.close()


def waiting(lines: list[Line], pause_s: float) -> ReadingSelector:
    """A selector that reads *lines*, all of which may wait for *pause_s*."""
    made = ReadingSelector(monotonic, pause_s)
    for line in lines:
        made.add(line.near.fileno(), line.read)
        made.let_wait(line.near.fileno(), may=True)
    return made


def test_what_comes_soon_after_is_read_together(lines: list[Line]) -> None:
    """The second and the third come while the first has just been read: both are read when the pause is over."""
    first, second, third = lines[:3]
    first.then = lambda: (second.write(), third.write())
    first.write()
    with waiting(lines, SHORT_S) as selector:
        assert selector.select(2 * SHORT_S) == []

    assert second.read_at[0] - first.read_at[0] >= SHORT_S
    assert third.read_at[0] - second.read_at[0] < SHORT_S


def test_few_do_not_wait(lines: list[Line]) -> None:
    """A pause that would join nothing is not made."""
    first, second = lines[:2]
    first.then, second.stirs = second.write, True
    first.write()
    began = monotonic()
    with waiting([*lines[1:], first], LONG_S) as selector:
        selector.let_wait(lines[-1].near.fileno(), may=False)
        selector.select(LONG_S)

    assert second.read_at[0] - began < SOON_S


def test_what_asyncio_waits_for_ends_the_pause(lines: list[Line]) -> None:
    """Its events are told at once."""
    other = Line()
    lines[0].then = other.write
    lines[0].write()
    began = monotonic()
    with waiting(lines, LONG_S) as selector:
        selector.register(other.near, EVENT_READ)
        told = selector.select(None)
    took_s = monotonic() - began
    other.close()

    assert [key.fileobj for key, _ in told] == [other.near]
    assert took_s < SOON_S


def test_a_timer_ends_the_pause(lines: list[Line]) -> None:
    """A pause never outlasts the time that asyncio gave."""
    lines[0].write()
    began = monotonic()
    with waiting(lines, LONG_S) as selector:
        assert selector.select(SHORT_S) == []

    assert SHORT_S <= monotonic() - began < SOON_S


def test_a_socket_that_may_not_wait_is_read_in_the_pause(lines: list[Line]) -> None:
    """One that has just begun to stream."""
    begun = Line(stirs=True)
    lines[0].then = begun.write
    lines[0].write()
    with waiting(lines, LONG_S) as selector:
        selector.add(begun.near.fileno(), begun.read)
        selector.select(None)
    begun.close()

    assert begun.read_at[0] - lines[0].read_at[0] < SOON_S


def test_who_waits_can_be_changed_and_ended(lines: list[Line]) -> None:
    """Saying the same again changes nothing; what is discarded is not read, even when its number is added anew."""
    line, number = lines[0], lines[0].near.fileno()
    line.write()
    with waiting(lines, 0.0) as selector:
        for may in (True, False, False, True):
            selector.let_wait(number, may=may)
            assert (number in selector.waiting) is may
        selector.discard(number)
        selector.discard(number)
        assert selector.select(0) == []
        assert (line.read_at, number in selector.waiting) == ([], False)

        selector.add(number, line.read)
        assert selector.select(0) == []
    assert len(line.read_at) == 1


async def seen_of(script: Script, streams: int) -> tuple[list[Observation], int]:
    """What *streams* probes at once make of *script*, and how many of them were let wait, at most."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ReadingLoop)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, len(loop.reading.waiting))
            await asyncio.sleep(0.001)

    async with bad_server(script) as server, bench(lag_limit_s=60.0) as here:
        watching = asyncio.create_task(watch())
        subject = chat_subject(server.url)
        seen = await asyncio.gather(*(observe(here, subject, TICK, 0, number) for number in range(streams)))
        watching.cancel()
    return list(seen), most


def run(gap_s: float, tokens: int, streams: int) -> tuple[list[Observation], int]:
    """`seen_of` for answers of *tokens* tokens, *gap_s* apart."""
    answer = (ROLE, *(step for number in range(tokens) for step in (token(f"t{number} "), gap_s)), FINISH, DONE, END)
    with asyncio.Runner(loop_factory=ReadingLoop) as runner:
        return runner.run(seen_of(sends(STREAM_HEAD, *answer), streams))


def test_slow_streams_wait_and_none_is_merged() -> None:
    """Twice as many as it takes, their tokens 20 ms apart: every token has a stamp of its own, the kernel's."""
    seen, most = run(0.02, 3 * LOOK_EVERY_READS, 2 * WAITING_MIN)

    assert most >= WAITING_MIN
    assert {one.outcome for one in seen} == {Outcome.OK}, [one.detail for one in seen]
    assert {(one.instrument.stamp, one.instrument.merged_reads) for one in seen} == {(Stamp.KERNEL, 0)}
    assert {one.tokens.chunks for one in seen} == {3 * LOOK_EVERY_READS}


def test_a_stream_that_has_just_begun_does_not_wait() -> None:
    """Its first token is read at once, and what comes shortly after it."""
    assert run(0.02, 4, 2)[1] == 0


def test_a_fast_stream_does_not_wait() -> None:
    """A pause would join its tokens."""
    assert run(0.001, 6 * LOOK_EVERY_READS, 1)[1] == 0


@pytest.mark.parametrize("stamped", [True, False])
def test_only_what_the_kernel_stamps_may_wait(stamped: bool) -> None:
    """Of a read that it does not stamp the instant is all there is. The first look is after LOOK_EVERY_READS."""

    async def waits() -> list[bool]:
        loop, phases = asyncio.get_running_loop(), Phases(SystemClock())
        assert isinstance(loop, ReadingLoop)
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(type=socket.SOCK_DGRAM) as anchor:
            ask_for_stamps(anchor)  # as Connections has one, so that the first read is stamped too
            near = StampedSocket(socket.AF_INET, socket.SOCK_STREAM)
            assert not stamped or ask_for_stamps(near)
            near.connect(listener.getsockname())
            far, _ = listener.accept()
        with far:
            near.setblocking(False)
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
            hold = SocketHold(transport, cast(StreamReader, BegunBody()), phases, near, loop)
            seen = []
            for _ in range(LOOK_EVERY_READS):
                await asyncio.sleep(0.01)
                far.send(b"data")
                await asyncio.sleep(0.01)
                seen.append(bool(loop.reading.waiting))
            hold.connection_lost(None)
            transport.close()
        return seen

    with asyncio.Runner(loop_factory=ReadingLoop) as runner:
        seen = runner.run(waits())
    assert seen == [False] * (LOOK_EVERY_READS - 1) + [stamped]
