"""The agent leaves exactly one observation for every tick, asks again what failed, and hands everything over."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from opentelemetry.sdk.resources import Resource
from pydantic import SecretStr

from probes.agent import Agent, Duty
from probes.alarm import SchedulerAlarm
from probes.attempt import observe
from probes.contract import Subject
from probes.disk_thread import DiskThread
from probes.ship import encoded, post
from probes.shipper import Shipper
from probes.spool import Batch, Ledger, Spool
from probes.spool_bounds import Bounds
from schemas.config import Agent as AgentSettings
from schemas.errors import DeliveryError
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import Script, bad_server, echoes, hangs, plain, sends
from tests.support.otlp_sink import otlp_sink
from tests.support.subjects import bench, chat_subject, http_subject, subject_of

FINE = sends(plain("200 OK", b"{}"))
BROKEN = sends(plain("500 Internal Server Error", b"oops"))
NOWHERE = "http://127.0.0.1:1"
PATIENCE = 600  # looks of 50 ms: a machine may be busy with something else


async def runs(
    seconds: float,
    subjects: Sequence[Subject],
    path: Path,
    collector_url: str = NOWHERE,
    enough: Callable[[], bool] = lambda: True,
    **changes: object,
) -> Ledger:
    """
    Run one agent and its shipper on the spool at *path* so long at least, and until it is *enough*.

    The ledger when all is handed over.
    """
    values = {"collector_url": collector_url.rstrip("/"), "ship_every": "100ms"} | changes
    settings = AgentSettings.model_validate(values)
    stop, disk = asyncio.Event(), DiskThread()

    async def stop_when_enough() -> None:
        await asyncio.sleep(seconds)
        for _ in range(PATIENCE):
            if enough():
                break
            await asyncio.sleep(0.05)
        stop.set()

    async def deliver(batch: Batch) -> None:
        await post(session, settings.collector_url, encoded(batch, Resource.get_empty()))

    with closing(Spool(path, Bounds(10_000))) as spool:
        async with bench() as here, SchedulerAlarm() as alarm, aiohttp.ClientSession() as session:
            shipper = Shipper(spool, settings, deliver, here.clock, disk)
            shipping = asyncio.create_task(shipper.run())
            duty = Duty(subjects=subjects, settings=settings, bench=here, observe=partial(observe, here))
            stopping = asyncio.create_task(stop_when_enough())
            await Agent(duty, spool, disk, alarm, shipper.ring).run(stop)
            await stopping
            shipping.cancel()
            with suppress(DeliveryError):
                await shipper.ship_all()
            disk.close()
            return spool.ledger()


def waiting(path: Path) -> list[Observation]:
    """Takes out of the spool at *path* what it still holds."""
    found: list[Observation] = []
    with closing(Spool(path, Bounds(10_000))) as spool:
        while batch := spool.next_batch(10_000):
            found += batch.observations()
            spool.delivered(batch)
    return found


def by_tick(observations: Sequence[Observation], target: str) -> dict[datetime, list[Observation]]:
    """The attempts of each tick of *target*, in order."""
    found: dict[datetime, list[Observation]] = defaultdict(list)
    for one in sorted(observations, key=lambda one: (one.tick, one.attempt)):
        if one.target == target:
            found[one.tick].append(one)
    return found


def assert_every_tick_once(observations: Sequence[Observation], subject: Subject, seconds: float) -> None:
    """One attempt 0 for each tick of the grid between the first and the last, which are at least those of *seconds*."""
    ticks = [one.tick for one in observations if one.target == subject.place.id and one.attempt == 0]
    interval_s = subject.module.interval
    first, last = min(ticks), max(ticks)
    expected = list(subject.grid.between(first - timedelta(milliseconds=1), last))

    assert sorted(ticks) == expected
    assert len(ticks) >= seconds / interval_s - 2


async def test_every_tick_of_the_grid_leaves_exactly_one_observation(tmp_path: Path) -> None:
    """Two subjects of different intervals, one of them failing: nothing left out, nothing twice, all handed over."""
    async with bad_server(echoes) as good, bad_server(BROKEN) as bad, otlp_sink() as sink:
        chat, up = chat_subject(good.url, interval="300ms"), http_subject(bad.url, interval="200ms")
        ledger = await runs(1.6, (chat, up), tmp_path / "spool.db", sink.url)

    assert_every_tick_once(sink.taken, chat, 1.6)
    assert_every_tick_once(sink.taken, up, 1.6)
    assert {one.outcome for one in sink.taken if one.target == chat.place.id} == {Outcome.OK}
    assert {one.reason for one in sink.taken if one.target == up.place.id} == {Reason.HTTP_5XX}
    assert ledger == Ledger(spooled=len(sink.taken), delivered=len(sink.taken), dropped=0)
    assert len({one.id for one in sink.taken}) == len(sink.taken)


def counted(*scripts: Script) -> Script:
    """Each connection gets the next script; the last for all that follow."""
    left = list(scripts)

    async def run(reader: object, writer: object, request: object) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer, request)  # type: ignore[arg-type]

    return run


async def test_a_failure_is_asked_again_twice_and_known_then(tmp_path: Path) -> None:
    """Attempts 1 and 2, 0.3 s or a little more after the one before; once it is known to be down none is needed."""
    async with bad_server(BROKEN) as server:
        subject = http_subject(server.url, interval="1200ms")
        await runs(2.9, (subject,), tmp_path / "spool.db", enough=lambda: len(server.requests) >= 4)
    first, *later = by_tick(waiting(tmp_path / "spool.db"), subject.place.id).values()

    assert [one.attempt for one in first] == [0, 1, 2]
    for before, after in pairwise(first):
        assert 0.299 <= (after.started_at - before.finished_at).total_seconds() < 1.2  # sooner than the next tick
        assert after.tick == before.tick
    assert later and all([one.attempt for one in ticks] == [0] for ticks in later)


@pytest.mark.parametrize(("script", "attempts"), [(BROKEN, [3, 4, 5]), (FINE, [3])])
async def test_what_others_see_fail_is_looked_at_once_a_tick(
    tmp_path: Path, script: Script, attempts: list[int]
) -> None:
    """Told twice between two ticks: attempts 3, 4 and 5 of the last one; a good answer ends it at 3."""
    stop, disk = asyncio.Event(), DiskThread()
    async with bad_server(counted(FINE, script)) as server, bench() as here, SchedulerAlarm() as alarm:
        subject = http_subject(server.url, interval="1h")
        settings = AgentSettings.model_validate({"collector_url": NOWHERE})
        with closing(Spool(tmp_path / "spool.db", Bounds(10_000))) as spool:
            duty = Duty(subjects=(subject,), settings=settings, bench=here, observe=partial(observe, here))
            agent = Agent(duty, spool, disk, alarm)
            running = asyncio.create_task(agent.run(stop))
            await _until(lambda: bool(agent.courses()))
            (course,) = agent.courses()
            course.since = course.following = course.following - course.interval  # so that a tick is due now
            agent._line_up()
            alarm.ring()
            await _until(lambda: spool.ledger().spooled >= 1)
            for _ in range(2):
                agent.look_again({(subject.place.id, subject.module_name), ("acme/east/other", "up")})
            await _until(lambda: spool.ledger().spooled >= 1 + len(attempts))
            await asyncio.sleep(0.3)  # time for one too many
            stop.set()
            await running
            disk.close()
    (seen,) = by_tick(waiting(tmp_path / "spool.db"), subject.place.id).values()

    assert [one.attempt for one in seen] == [0, *attempts]


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(PATIENCE):
        if true():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came true")


async def test_a_success_in_between_ends_the_asking(tmp_path: Path) -> None:
    """Failed, good: no second re-probe; and the next failure is confirmed anew."""
    async with bad_server(counted(BROKEN, FINE, BROKEN, FINE)) as server:
        subject = http_subject(server.url, interval="700ms")
        await runs(2.1, (subject,), tmp_path / "spool.db", enough=lambda: len(server.requests) >= 5)
    first, second, *_ = by_tick(waiting(tmp_path / "spool.db"), subject.place.id).values()

    for ticks in (first, second):
        assert [one.outcome for one in ticks] == [Outcome.FAILED, Outcome.OK]
        assert [one.attempt for one in ticks] == [0, 1]


async def test_an_integrity_probe_ticks_at_random_and_is_not_asked_again(tmp_path: Path) -> None:
    """Every tick of its grid has its one row; a failure beside it is asked again as ever."""
    async with bad_server(sends(plain("500 Oops", b"{}"))) as server:
        echo = replace(subject_of("echo_challenge", server.url, interval="1s"), secret=SecretStr("nobody-knows-this"))
        up = http_subject(server.url, interval="700ms")
        await runs(3.2, (echo, up), tmp_path / "spool.db", confirm_gap_min="10ms", confirm_gap_max="20ms")
    found = waiting(tmp_path / "spool.db")

    assert_every_tick_once(found, echo, 3.2)
    assert {one.attempt for one in found if one.kind == "echo_challenge"} == {0}
    assert {one.outcome for one in found if one.kind == "echo_challenge"} == {Outcome.FAILED}
    assert {one.attempt for one in found if one.kind == "http_request"} == {0, 1, 2}


async def test_our_own_bad_key_is_not_asked_again(tmp_path: Path) -> None:
    """Asking again tells nothing, and costs money."""
    async with bad_server(sends(plain("401 Unauthorized", b"{}"))) as server:
        await runs(0.9, (http_subject(server.url, interval="300ms"),), tmp_path / "spool.db")
    found = waiting(tmp_path / "spool.db")

    assert {(one.reason, one.attempt) for one in found} == {(Reason.AUTH_FAILED, 0)}


async def test_more_requests_than_allowed_are_our_own_fault(tmp_path: Path) -> None:
    """One stream at a time, held by a server that hangs: the other ticks are not_observed, and still all there."""
    async with bad_server(hangs) as server:
        subject = chat_subject(server.url, interval="150ms")
        await runs(1.2, (subject,), tmp_path / "spool.db", streams_max=1, confirmations=0)
    found = waiting(tmp_path / "spool.db")

    assert_every_tick_once(found, subject, 1.2)
    assert {one.reason for one in found} == {Reason.TTFT_TIMEOUT, Reason.OBSERVER_OVERLOADED}
    ours = [one for one in found if one.reason is Reason.OBSERVER_OVERLOADED]
    assert {(one.outcome, one.detail) for one in ours} == {(Outcome.NOT_OBSERVED, "1 requests open (streams_max 1)")}


async def test_the_time_without_an_agent_becomes_observer_offline(tmp_path: Path) -> None:
    """Stopped for a second: its ticks are there as our absence, the grid goes on without a seam."""
    async with bad_server(FINE) as server, otlp_sink() as sink:
        subject = http_subject(server.url, interval="200ms")
        await runs(0.6, (subject,), tmp_path / "spool.db", sink.url)
        stopped = len(sink.taken)
        await asyncio.sleep(0.9)
        await runs(0.6, (subject,), tmp_path / "spool.db", sink.url)
    absent = [one for one in sink.taken if one.reason is Reason.OBSERVER_OFFLINE]

    assert_every_tick_once(sink.taken, subject, 2.1)
    assert all(one.outcome is not Outcome.NOT_OBSERVED for one in sink.taken[:stopped])
    present = [one.tick for one in sink.taken if one not in absent]
    before, after = max(present[:stopped]), min(tick for tick in present if tick > present[stopped - 1])
    assert len(absent) >= 3
    assert all(before < one.tick < after for one in absent)
    assert {one.outcome for one in sink.taken if one not in absent} == {Outcome.OK}


async def test_a_new_subject_has_no_past(tmp_path: Path) -> None:
    """Never probed is not offline."""
    async with bad_server(FINE) as server:
        await runs(0.3, (http_subject(server.url, interval="200ms"),), tmp_path / "spool.db")
        await runs(0.5, (chat_subject(server.url, interval="200ms"),), tmp_path / "spool.db")
    found = waiting(tmp_path / "spool.db")

    assert {one.target for one in found} == {"acme/east/up", "acme/east/chat"}
    assert not [one for one in found if one.reason is Reason.OBSERVER_OFFLINE]


async def test_a_collector_that_refuses_for_a_time_loses_nothing(tmp_path: Path) -> None:
    """503 with Retry-After, 500, 429, then 200: every row once, in the order of the spool."""
    async with bad_server(FINE) as server, otlp_sink(503, 503, 500, 429) as sink:
        subject = http_subject(server.url, interval="100ms")
        ledger = await runs(1.5, (subject,), tmp_path / "spool.db", sink.url, lambda: sink.requests > 5)

    assert sink.requests > 5
    assert ledger == Ledger(spooled=len(sink.taken), delivered=len(sink.taken), dropped=0)
    assert_every_tick_once(sink.taken, subject, 1.5)
    assert [one.tick for one in sink.taken] == sorted(one.tick for one in sink.taken)


async def test_stopping_finishes_what_is_under_way_and_hands_it_over(tmp_path: Path) -> None:
    """Answers that take 0.9 s when stop comes: awaited, spooled, delivered; no new tick is begun meanwhile."""
    slowly = sends(0.9, plain("200 OK", b"{}"))
    async with bad_server(slowly) as server, otlp_sink() as sink:
        subject = http_subject(server.url, interval="100ms", timeout="3s")
        begun = lambda: len(server.requests) >= 2  # noqa: E731
        ledger = await runs(0.35, (subject,), tmp_path / "spool.db", sink.url, begun, ship_every="10s")

    assert {one.outcome for one in sink.taken} == {Outcome.OK}
    assert 2 <= len(server.requests) == len(sink.taken) == ledger.delivered == ledger.spooled <= 8  # 12 if it went on


async def test_stopping_stops_at_whatever_instant_it_comes(tmp_path: Path) -> None:
    """Ticks so dense that one nearly always falls on the stop: no room of the agent may live on."""
    async with bad_server(FINE) as server:
        for number in range(8):
            subject = http_subject(server.url, interval="3ms")
            async with asyncio.timeout(30):
                await runs(0.05 + number / 1000, (subject,), tmp_path / f"{number}.db", streams_max=1)


async def test_stopping_without_a_collector_leaves_everything_in_the_spool(tmp_path: Path) -> None:
    """It neither hangs nor throws away."""
    async with bad_server(FINE) as server:
        subject = http_subject(server.url, interval="100ms")
        started = asyncio.get_running_loop().time()
        ledger = await runs(0.5, (subject,), tmp_path / "spool.db", enough=lambda: len(server.requests) >= 4)
        took_s = asyncio.get_running_loop().time() - started

    assert took_s < 30
    assert 3 <= ledger.pending == ledger.spooled == len(waiting(tmp_path / "spool.db"))
