"""A failure to connect is ours when no canary can be reached; a page waits for that a second at most."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest
from pydantic import ValidationError

from probes.attempt import observe
from probes.contract import Subject
from probes.own_network import ANSWER_S, BROKEN_S, FINE_S, IN_DOUBT, OwnNetwork, excused, in_doubt
from schemas.config import Agent
from schemas.observation import BLAME, DETAIL_CHARS_MAX, Blame, Observation, Outcome, Reason
from tests.support.observations import seen
from tests.support.subjects import TICK, bench, http_subject
from touchstone.address import free_port
from touchstone.system_clock import SystemClock


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """The host:port of a socket that takes connections."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """The host:port of a socket whose backlog is full: a connection to it neither comes about nor is refused."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        loop, fillers = asyncio.get_running_loop(), [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
        waiting = [asyncio.ensure_future(loop.sock_connect(filler, deaf.getsockname())) for filler in fillers]
        await asyncio.sleep(0.05)
        yield f"127.0.0.1:{deaf.getsockname()[1]}"
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for filler in fillers:
            filler.close()


def gone() -> str:
    """The host:port of nobody."""
    return f"127.0.0.1:{free_port()}"


async def asked(canaries: tuple[str, ...]) -> Observation:
    """What is kept of a probe of a target that refuses connections."""
    async with bench() as here:
        own_network = OwnNetwork(canaries, here.clock)
        subject = http_subject(f"http://{gone()}")
        return await own_network.around(partial(observe, here))(subject, TICK, 0, 1)


async def test_a_failure_while_no_canary_can_be_reached_is_our_own() -> None:
    """Real sockets, all closed: not observed, and what was seen stays."""
    kept = await asked((gone(), f"http://{gone()}/"))

    assert (kept.outcome, kept.reason, kept.blame) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_NETWORK, Blame.OBSERVER)
    assert kept.detail.startswith("none of 2 canaries could be reached; seen: connect_refused 127.0.0.1:")
    assert kept.timings.total_ms is not None


async def test_one_canary_that_can_be_reached_is_enough_to_blame_the_provider() -> None:
    """The others may be down themselves."""
    async with listening() as up:
        kept = await asked((gone(), up, gone()))

    assert (kept.outcome, kept.reason) == (Outcome.FAILED, Reason.CONNECT_REFUSED)


async def test_without_canaries_nothing_is_excused() -> None:
    """As it was."""
    assert (await asked(())).reason is Reason.CONNECT_REFUSED


async def test_canaries_that_do_not_answer_delay_a_page_by_no_more_than_the_bound() -> None:
    """Neither accepted nor refused: after a second they count as unreachable."""
    loop = asyncio.get_running_loop()
    async with silent() as one, silent() as other:
        began = loop.time()
        kept = await asked((one, other))
        took_s = loop.time() - began

    assert kept.reason is Reason.OBSERVER_NETWORK
    assert 0.9 * ANSWER_S <= took_s < ANSWER_S + 0.5


@pytest.mark.parametrize("reason", sorted(Reason))
def test_only_failures_of_connection_or_time_are_in_doubt(reason: Reason) -> None:
    """An answer, however bad, has come over the network."""
    outcome = {Blame.OBSERVER: Outcome.NOT_OBSERVED}.get(BLAME[reason], Outcome.FAILED)
    answered = reason.startswith(("http_", "auth", "bad_", "error_", "model_", "no_cap", "rate_", "empty", "trunc"))

    assert in_doubt(seen(outcome=outcome, reason=reason)) == (reason in IN_DOUBT)
    assert not (answered and reason in IN_DOUBT)
    assert not in_doubt(seen(outcome=Outcome.OK, reason=None))


def test_a_long_detail_is_cut_to_its_limit() -> None:
    """The longest that a failure can have."""
    failed = seen(outcome=Outcome.FAILED, reason=Reason.CONNECT_TIMEOUT, detail="x" * DETAIL_CHARS_MAX)

    assert len(excused(failed, 3).detail) == DETAIL_CHARS_MAX
    assert excused(failed, 3).id == failed.id


class Canaries:
    """A network that is up or down as told, and counts how often it is asked."""

    def __init__(self) -> None:
        self.up, self.asked = False, 0

    async def reach(self, _: str) -> bool:
        """Answers after a moment."""
        self.asked += 1
        await asyncio.sleep(0.02)
        return self.up


class Hands(SystemClock):
    """A clock whose monotonic hand is moved by the test."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        """With what the test has moved it."""
        return super().monotonic() + self.ahead_s


async def test_a_mass_failure_asks_once_and_asks_again_when_the_answer_is_old() -> None:
    """A hundred at once share one answer; a good answer is used for a shorter time than a bad one."""
    network, clock = Canaries(), Hands()
    own_network = OwnNetwork(("a:1", "b:1"), clock, network.reach)

    assert await asyncio.gather(*(own_network.broken() for _ in range(100))) == [True] * 100
    assert network.asked == 2
    clock.ahead_s += FINE_S + 0.1
    assert await own_network.broken() and network.asked == 2
    clock.ahead_s += BROKEN_S
    network.up = True
    assert not await own_network.broken() and network.asked == 4
    assert not await own_network.broken() and network.asked == 4
    clock.ahead_s += FINE_S
    network.up = False
    assert await own_network.broken() and network.asked == 6


async def test_an_observation_that_is_not_in_doubt_asks_nobody() -> None:
    """Canaries are strangers' machines."""
    network = Canaries()

    async def fine(subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
        return replace(seen(), tick=tick)

    own_network = OwnNetwork(("a:1", "b:1"), SystemClock(), network.reach)
    await own_network.around(fine)(http_subject("http://127.0.0.1:1"), TICK, 0, 1)

    assert network.asked == 0


@pytest.mark.parametrize("canary", ["", "nowhere", "host:", "host:0x1", "ftp://host", "http://", "http://u:p@host/"])
def test_a_canary_that_nobody_could_connect_to_is_refused(canary: str) -> None:
    """Else it would excuse every provider."""
    with pytest.raises(ValidationError, match="not host:port, nor an http or https URL"):
        Agent(canaries=(canary, "one.example:53"))


def test_one_canary_alone_is_refused() -> None:
    """When it is down, every outage would look like our own; two names for it are no help."""
    with pytest.raises(ValidationError, match="one canary alone"):
        Agent(canaries=("one.example:53", "one.example:53"))
    assert len(Agent(canaries=("one.example:53", "https://other.example/", "[::1]:80")).canaries) == 3
