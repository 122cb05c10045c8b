"""
The agent's half of the way in, as a process of its own: everything in a spool, shipped to a collector, timed.

`python -m bench.store.shipping SPOOL URL` prints {"wall_s", "cpu_s"}: from the first read of the spool to its last row
acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import closing
from pathlib import Path

import aiohttp
from opentelemetry.sdk.resources import Resource

from probes.disk_thread import DiskThread
from probes.ship import ship
from probes.shipper import Shipper
from probes.spool import Batch, Spool
from probes.spool_bounds import Bounds
from schemas.config import Agent
from touchstone.system_clock import SystemClock

ROWS_MAX = 10**7
RESOURCE = Resource({"service.name": "bench"})


async def ship_file(file: Path, url: str) -> dict[str, float]:
    """Ship what is in the spool *file* with the agent's own shipper and settings."""
    with closing(Spool(file, Bounds(ROWS_MAX))) as spool, closing(DiskThread()) as disk:
        async with aiohttp.ClientSession() as session:

            async def deliver(batch: Batch) -> None:
                await ship(session, url, batch, RESOURCE)

            wall, cpu = time.monotonic(), time.process_time()
            await Shipper(spool, Agent(), deliver, SystemClock(), disk).ship_all()
            return {"wall_s": time.monotonic() - wall, "cpu_s": time.process_time() - cpu}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ship_file(Path(sys.argv[1]), sys.argv[2]))))
