"""Simulated clouds, live in the test's own event loop, at any second of their script."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from simulator import sky
from simulator.world import World
from touchstone.system_clock import SystemClock

CLUSTERS = 90
FIRST_PORTS = range(21_000, 32_000, 100)  # below the ports that the kernel hands out


class HastyClock(SystemClock):
    """The machine's clock at an instant of one's choosing, whose waits take no time."""

    def __init__(self, now: datetime) -> None:
        self._offset = now - super().now()

    def now(self) -> datetime:
        """The chosen instant, and what has passed since."""
        return super().now() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Let others run, once."""
        await asyncio.sleep(0)


@asynccontextmanager
async def live(
    world: World, *, elapsed_s: float = 1000.0, clock: SystemClock | None = None, ca_dir: Path | None = None
) -> AsyncIterator[int]:
    """Every cluster of *world*, *elapsed_s* into its script; the port of the first."""
    clock = clock or SystemClock()
    stop, listening, port = asyncio.Event(), asyncio.Event(), free_ports()
    serving = asyncio.create_task(
        sky.serve(
            world,
            base_port=port,
            start=clock.now() - timedelta(seconds=elapsed_s),
            clock=clock,
            stop=stop,
            ready=lambda clusters: listening.set(),
            ca_dir=ca_dir,
        )
    )
    waiting = asyncio.create_task(listening.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield port
    finally:
        waiting.cancel()
        stop.set()
        await serving


def free_ports() -> int:
    """The first of as many free loopback ports in a row as there are clusters."""
    for first in FIRST_PORTS:
        if all(_is_free(port) for port in range(first, first + CLUSTERS)):
            return first
    raise OSError("no ninety free ports in a row on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
