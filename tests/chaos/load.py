"""
A load as an agent makes it: observations through a real spool and the real shipper, some hundred a second.

Which rows there are follows from their numbers alone. What was put is noted in a journal after the spool had it, so a
process that was killed in between puts a few again: the same rows.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from opentelemetry.sdk.resources import Resource

from probes.disk_thread import DiskThread
from probes.ship import ship
from probes.shipper import Shipper
from probes.spool import Batch, Spool
from probes.spool_bounds import Bounds
from schemas.config import Agent
from schemas.errors import DeliveryError, SpoolError
from schemas.observation import Observation, Outcome, Timings, Tokens
from tests.support.observations import seen
from touchstone.system_clock import SystemClock

TARGETS = 40
PUT_EVERY_S = 0.1
STEP = timedelta(seconds=60)
RESOURCE = Resource({"service.name": "load"})
OUTCOMES = (Outcome.OK, Outcome.OK, Outcome.DEGRADED, Outcome.OK, Outcome.FAILED, Outcome.NOT_OBSERVED, Outcome.OK)


def row(number: int, base: datetime) -> tuple[str, Observation]:
    """Observation *number* with its trail."""
    tick, target = base + STEP * (number // TARGETS), f"acme/east/load-{number % TARGETS}"
    outcome = OUTCOMES[number % len(OUTCOMES)]
    answered = outcome in {Outcome.OK, Outcome.DEGRADED}
    first_ms = 40.0 + number % 500
    timings = Timings(
        first_token_ms=first_ms,
        total_ms=first_ms + 300.0,
        arrivals_ms=tuple(first_ms + 10.0 * chunk for chunk in range(30)),
    )
    measured = {"timings": timings, "tokens": Tokens(20, 30, 30, "words", 30)} if answered else {}
    return target, seen(target, tick, outcome, **measured)


def journaled(journal: Path) -> int:
    """How many rows are known to be in the spool."""
    lines = journal.read_text().split("\n")[:-1] if journal.exists() else []
    return int(lines[-1]) if lines else 0


async def run(options: argparse.Namespace) -> None:
    """Put and ship until SIGTERM, then ship the rest."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock, disk = SystemClock(), DiskThread()
    base = datetime.fromisoformat(options.base)
    settings = Agent(collector_url=options.url, ship_every="200ms")  # type: ignore[arg-type]
    with closing(Spool(options.spool, Bounds.of(settings))) as spool, options.journal.open("a") as journal:
        print("open", flush=True)
        async with aiohttp.ClientSession() as session:

            async def deliver(batch: Batch) -> None:
                await ship(session, options.url, batch, RESOURCE, options.token)

            shipper = Shipper(spool, settings, deliver, clock, disk)
            shipping = asyncio.create_task(shipper.run())
            number, size = journaled(options.journal), max(1, round(options.rate * PUT_EVERY_S))
            while not stop.is_set():
                began = clock.monotonic()
                try:
                    await disk(spool.put, [row(n, base) for n in range(number, number + size)])
                except SpoolError as error:
                    print(error, flush=True)
                    await clock.sleep(1.0)
                    continue
                number += size
                journal.write(f"{number}\n")
                journal.flush()
                await clock.sleep(max(0.0, PUT_EVERY_S - (clock.monotonic() - began)))
            shipping.cancel()
            while spool.ledger().pending:
                try:
                    await shipper.ship_all()
                except (DeliveryError, SpoolError) as error:
                    print(error, flush=True)
                    await clock.sleep(0.5)
        print(spool.ledger(), flush=True)
    disk.close()


def main() -> None:
    """The process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spool", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--rate", type=float, default=300.0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
