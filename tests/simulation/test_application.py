"""The simulated application: real requests to the clouds, and client spans that a collector understands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from collector.passive import TargetIndex
from schemas.fleet import Auth, Fleet, Place, Target, Tls
from schemas.observation import Observation, Outcome, Reason, Source
from simulator.application import Application
from simulator.certificate import certificate
from simulator.script import Episode, Mode
from simulator.sky import port_of, tls_cluster
from simulator.world import MODEL, TARGET, World
from tests.simulation.live_clouds import live
from tests.support.otlp_sink import Sink, otlp_sink
from touchstone.system_clock import SystemClock

WORLD = World.of()
HONEST = next(cloud for cloud in WORLD.clouds if cloud.personality.name == "gold")
TWO_FACED = next(cloud for cloud in WORLD.clouds if cloud.personality.probes_treated_better)
AFTERWARDS_S = 1000.0
TOKEN = "application"


class SwiftClock(SystemClock):
    """The machine's clock, on which durations pass twenty times as fast."""

    def monotonic(self) -> float:
        """Seconds, twenty to a real one."""
        return super().monotonic() * 20

    async def sleep(self, seconds: float) -> None:
        """A twentieth of *seconds*."""
        await super().sleep(seconds / 20)


def places_of(port: int, *clusters: str, authority: Path | None = None) -> tuple[Place, ...]:
    """The targets of *clusters* (full ids) of clouds that listen from *port* on."""
    found = []
    for cluster in clusters:
        secure = authority is not None and cluster == tls_cluster(WORLD)
        target = Target(
            model=MODEL,
            url=f"{'https' if secure else 'http'}://127.0.0.1:{port_of(WORLD, cluster, port)}/v1",
            auth=Auth(bearer=SecretStr(WORLD.key)),
            tls=Tls(ca_file=str(authority) if secure else None),
            modules=("chat",),
        )
        found.append(Place(cluster.split("/")[0], cluster, f"{cluster}/{TARGET}", "", target))
    return tuple(found)


def index_of(places: tuple[Place, ...]) -> TargetIndex:
    """What a collector knows of *places*."""
    providers = {
        place.provider: {"clusters": {place.cluster.split("/")[1]: {"targets": {TARGET: place.target.model_dump()}}}}
        for place in places
    }
    return TargetIndex.of(Fleet.model_validate({"providers": providers}))


async def told(
    *clusters: str,
    until: Callable[[Sink], bool] = lambda sink: len(sink.taken) >= 12,
    elapsed_s: float = AFTERWARDS_S,
    answers: tuple[int, ...] = (),
    ca_dir: Path | None = None,
) -> tuple[Application, list[Observation]]:
    """What a collector that answers with *answers* first was told of an application of *clusters*."""
    authority = certificate(ca_dir) if ca_dir else None
    async with live(WORLD, elapsed_s=elapsed_s, ca_dir=ca_dir) as port:
        places = places_of(port, *clusters, authority=authority.authority if authority else None)
        async with otlp_sink(*answers, targets=index_of(places), token=TOKEN) as sink:
            application = Application(places, collector_url=sink.url, token=TOKEN, seed=7, clock=SwiftClock())
            stop = asyncio.Event()
            running = asyncio.create_task(application.run(stop))
            async with asyncio.timeout(60):
                while not until(sink):  # noqa: ASYNC110 (the sink tells nobody)
                    await asyncio.sleep(0.02)
            stop.set()
            await running
            return application, sink.taken


def cluster_of(provider: str) -> str:
    """Its first cluster."""
    cloud = next(cloud for cloud in WORLD.clouds if cloud.id == provider)
    return f"{cloud.id}/{cloud.clusters[0]}"


async def test_every_request_is_told_once_as_real_traffic_of_the_target_that_it_went_to() -> None:
    """By address and model alone; with the first chunk, the tokens and the finish reason, and without a word of it."""
    clusters = (cluster_of(HONEST.id), cluster_of(TWO_FACED.id))
    application, taken = await told(*clusters)

    assert len(taken) == application.asked == application.told
    assert {one.target for one in taken} == {f"{cluster}/{TARGET}" for cluster in clusters}
    assert {(one.source, one.kind, one.vantage, one.simulated) for one in taken} == {
        (Source.PASSIVE, "passive_chat", "storefront", True)
    }
    for one in taken:
        if one.outcome is Outcome.OK:
            assert one.timings.first_token_ms is not None and one.timings.total_ms is not None
            assert 0 < one.timings.first_token_ms <= one.timings.total_ms
            assert 8 <= (one.tokens.billed_in or 0) <= 40
            assert 8 <= (one.tokens.billed_out or 0) <= 24
            assert one.finish_reason == "length"


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(Mode.ERROR, Reason.HTTP_5XX), (Mode.UNAVAILABLE, Reason.NO_CAPACITY), (Mode.REFUSE, Reason.CONNECT_FAILED)],
)
async def test_a_failure_is_told_with_what_a_client_knows_of_it(mode: Mode, reason: Reason) -> None:
    """A status, or the name of the exception; a connection that was open may be lost before the next is refused."""
    episode: Episode = next(one for one in WORLD.script() if one.mode is mode)
    broken = episode.cluster or cluster_of(episode.provider)
    steady = cluster_of("rowan" if broken < "rowan" else "zzz")  # the last to listen, so the application begins

    _, taken = await told(broken, steady, elapsed_s=episode.starts_s + 1)

    reasons = {one.reason for one in taken if one.cluster == broken}
    assert reason in reasons
    assert reasons <= {reason, Reason.CONNECTION_LOST}
    assert {one.outcome for one in taken if one.cluster == steady} == {Outcome.OK}


async def test_what_a_collector_does_not_take_is_sent_again_and_stored_once() -> None:
    """503 three times, as while its store is down."""
    application, taken = await told(cluster_of(HONEST.id), answers=(503, 503, 503))

    assert len(taken) == application.asked == application.told
    assert len({one.id for one in taken}) == len(taken)


async def test_a_cloud_that_speaks_tls_is_asked_over_tls(tmp_path: Path) -> None:
    """Under the authority that the fleet names."""
    if certificate(tmp_path) is None:
        pytest.skip("no openssl program on this machine")
    _, taken = await told(tls_cluster(WORLD), ca_dir=tmp_path, until=lambda sink: len(sink.taken) >= 3)

    assert Outcome.OK in {one.outcome for one in taken}
    assert Reason.TLS_INVALID not in {one.reason for one in taken}
