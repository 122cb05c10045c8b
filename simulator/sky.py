"""All clouds in one process: ninety listening sockets, and the ones that the script closes for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from aiohttp import web

from schemas.clock import Clock
from schemas.errors import TouchstoneError
from simulator.certificate import Certificate, certificate
from simulator.cloud import Cluster
from simulator.geography import Point
from simulator.script import Episode, Mode
from simulator.world import World

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
BACKLOG = 32
STOP_S = 1.0


def port_of(world: World, cluster: str, base_port: int) -> int:
    """The port of *cluster* (full id)."""
    ids = [f"{cloud.id}/{name}" for cloud in world.clouds for name in cloud.clusters]
    return base_port + ids.index(cluster)


def tls_cluster(world: World) -> str:
    """The one cluster (full id) that speaks TLS when there is a certificate."""
    cloud = world.clouds[0]
    return f"{cloud.id}/{cloud.clusters[0]}"


class Listener:
    """The listening socket of one cluster, which can be closed and opened again."""

    def __init__(self, cluster: Cluster, port: int, tls: Certificate | None) -> None:
        self.id, self.port = cluster.id, port
        self._context = tls.context() if tls else None
        self._server = web.Server(cluster.handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=STOP_S)
        self._site: web.TCPSite | None = None

    async def open(self) -> None:
        """Listen; raises TouchstoneError when the port is taken."""
        if self._site is not None:
            return
        if self._runner.server is None:
            await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self.port, ssl_context=self._context, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise TouchstoneError(f"cannot listen on {HOST}:{self.port}: {error.strerror}") from error
        self._site = site

    async def shut(self) -> None:
        """Stop listening and drop every connection: who connects now is refused."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        for connection in self._server.connections:
            connection.force_close()

    async def close(self) -> None:
        """End for good."""
        await self._runner.cleanup()


async def serve(
    world: World,
    *,
    base_port: int,
    start: datetime,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[int], None],
    ca_dir: Path | None = None,
    vantage: Point | None = None,
) -> None:
    """
    Serve every cluster of *world* until *stop*; the script begins at *start*. *ready* is told how many listen.

    With a *vantage*, every answer takes the time from there to the cluster's site and back.
    """
    tls = certificate(ca_dir) if ca_dir else None
    listeners = [
        Listener(
            Cluster(world, cloud, name, start=start, clock=clock, vantage=vantage),
            port_of(world, f"{cloud.id}/{name}", base_port),
            tls if f"{cloud.id}/{name}" == tls_cluster(world) else None,
        )
        for cloud in world.clouds
        for name in cloud.clusters
    ]
    refusals: list[asyncio.Task[None]] = []
    try:
        for listener in listeners:
            await listener.open()
        for episode in world.script():
            if episode.mode is Mode.REFUSE:
                mine = [one for one in listeners if episode.covers(one.id, episode.starts_s)]
                refusals.append(asyncio.create_task(_refuse(episode, mine, start, clock)))
        ready(len(listeners))
        await stop.wait()
    finally:
        for task in refusals:
            task.cancel()
        await asyncio.gather(*refusals, return_exceptions=True)
        await asyncio.gather(*(listener.close() for listener in listeners))


async def _refuse(episode: Episode, listeners: list[Listener], start: datetime, clock: Clock) -> None:
    """Nobody listens during *episode*."""
    elapsed_s = (clock.now() - start).total_seconds()
    if elapsed_s >= episode.ends_s:
        return
    await clock.sleep(max(0.0, episode.starts_s - elapsed_s))
    for listener in listeners:
        await listener.shut()
    logger.info("%s refuses connections", episode.provider)
    await clock.sleep(max(0.0, episode.ends_s - (clock.now() - start).total_seconds()))
    for listener in listeners:
        await listener.open()
    logger.info("%s listens again", episode.provider)
