"""What the script says happens, seen by the probe itself: each episode with its reason, and none after its end."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from pydantic import SecretStr

from probes.attempt import observe
from probes.contract import Subject
from probes.kinds.chat_stream import ChatStreamModule
from schemas.fleet import Auth, Place, Target
from schemas.incident import Severity
from schemas.observation import Blame, Observation, Outcome, Reason
from simulator.script import SCRIPT_ENDS_S, Episode, Mode
from simulator.sky import port_of
from simulator.world import MODEL, Cloud, World
from tests.simulation.live_clouds import live
from tests.support.subjects import TICK, bench

WORLD = World.of()
MODULE = ChatStreamModule(
    kind="chat_stream", interval="3s", timeout="5s", ttft_timeout="2s", stall_timeout="2s", ttft_objective="1s"
)
REASONS = {
    Mode.REFUSE: Reason.CONNECT_REFUSED,
    Mode.UNAVAILABLE: Reason.NO_CAPACITY,
    Mode.HANG: Reason.TTFT_TIMEOUT,
    Mode.ERROR: Reason.HTTP_5XX,
    Mode.SLOW: Reason.SLOW,
}


async def seen(cloud: Cloud, port: int, *, attempt: int = 0) -> dict[str, Observation]:
    """One observation of every cluster of *cloud*, by full id."""
    clusters = [f"{cloud.id}/{name}" for name in cloud.clusters]
    subjects = [Subject(_place(cloud.id, cluster, port), "chat", MODULE) for cluster in clusters]
    async with bench() as place_of_work:
        found = await asyncio.gather(*(observe(place_of_work, one, TICK, attempt, 5) for one in subjects))
    return dict(zip(clusters, found, strict=True))


def _place(provider: str, cluster: str, port: int) -> Place:
    url = f"http://127.0.0.1:{port_of(WORLD, cluster, port)}/v1"
    target = Target(model=MODEL, url=url, modules=("chat",), auth=Auth(bearer=SecretStr(WORLD.key)), count_by="words")
    return Place(provider, cluster, f"{cluster}/chat", "", target)


def cloud_of(episode: Episode) -> Cloud:
    """Who plays in *episode*."""
    return next(cloud for cloud in WORLD.clouds if cloud.id == episode.provider)


@pytest.mark.parametrize("episode", WORLD.script(), ids=lambda episode: str(episode.mode))
async def test_an_episode_breaks_what_it_says_and_nothing_else(episode: Episode) -> None:
    """A P0 takes every cluster; a page is always earned by failures that are the provider's fault."""
    async with live(WORLD, elapsed_s=episode.starts_s + 1) as port:
        found = await seen(cloud_of(episode), port)

    broken = {cluster: one for cluster, one in found.items() if episode.cluster in (None, cluster)}
    assert {one.reason for one in broken.values()} == {REASONS[episode.mode]}
    assert len(broken) == (5 if episode.severity is Severity.P0 else 1)
    if episode.severity is not None:
        assert {(one.outcome, one.blame) for one in broken.values()} == {(Outcome.FAILED, Blame.PROVIDER)}
    assert {one.reason for cluster, one in found.items() if cluster not in broken} <= {None}


async def test_who_refused_listens_again_when_the_episode_is_over() -> None:
    """The port is really closed, and really opened again."""
    episode = next(episode for episode in WORLD.script() if episode.mode is Mode.REFUSE)
    async with live(WORLD, elapsed_s=episode.ends_s - 6) as port:
        after = before = await seen(cloud_of(episode), port)
        for attempt in range(1, 12):
            if {one.outcome for one in after.values()} == {Outcome.OK}:
                break
            await asyncio.sleep(2)
            after = await seen(cloud_of(episode), port, attempt=attempt)

    assert Counter(one.reason for one in before.values()) == {Reason.CONNECT_REFUSED: 5}
    assert Counter(one.outcome for one in after.values()) == {Outcome.OK: 5}


async def test_before_the_script_begins_and_after_its_end_its_actors_are_well() -> None:
    """Nothing looks down at the start, and everything recovers."""
    for elapsed_s in (0.0, SCRIPT_ENDS_S - 1.5):
        async with live(WORLD, elapsed_s=elapsed_s) as port:
            found = [one for episode in WORLD.script() for one in (await seen(cloud_of(episode), port)).values()]

        assert {one.outcome for one in found} <= {Outcome.OK, Outcome.DEGRADED}
