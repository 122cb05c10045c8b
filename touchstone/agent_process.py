"""The agent's parent process: it keeps its workers running, ships their spools, and watches the configuration."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Collection, Sequence
from contextlib import AsyncExitStack, closing, suppress
from functools import partial
from pathlib import Path

import aiohttp
from opentelemetry.sdk.resources import Resource

from probes.budget_ledger import BudgetLedger
from probes.disk_thread import DiskThread
from probes.sharding import worker_of
from probes.ship import ship
from probes.shipper import Shipper
from probes.spool import Batch, Ledger, Spool
from probes.spool_bounds import Bounds
from probes.spool_files import budget_file, spool_file, spool_files, total
from probes.spool_salvage import salvaged
from probes.spool_watch import keep_watching
from probes.telemetry.conventions import addresses_of
from probes.telemetry.telemetry import Telemetry
from schemas.clock import Clock
from schemas.config import Configuration
from schemas.errors import ConfigurationError, DeliveryError, SpoolError, TouchstoneError
from touchstone import __version__
from touchstone.agent_orders import FAILURE, LookAgain, Orders, framed, orders_of
from touchstone.config_file import load_configuration
from touchstone.config_watch import WATCH_S, fingerprint
from touchstone.signals import stop_on_signals
from touchstone.supervisor import Program, Supervisor

logger = logging.getLogger(__name__)

WORKER_STOP_S = 30.0  # a worker drains for 20 s
HAND_OVER_S = 20.0
BELL_BYTES_MAX = 65_536
LOOK_S = 1.0  # between two looks whether every worker is kept running
RESOURCE = Resource({"service.name": "touchstone-agent", "service.version": __version__})


class AgentProcess:
    """One run of `touchstone agent`. *say* tells the operator what happens."""

    def __init__(
        self, file: Path, configuration: Configuration, workers: int, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._file, self._configuration, self._workers = file, configuration, workers
        self._clock, self._say = clock, say
        self._orders = orders_of(configuration, workers)
        self._pipes: dict[int, asyncio.StreamWriter] = {}
        self._shippers: dict[Path, Shipper] = {}
        self._reread = asyncio.Event()
        self._addresses = addresses_of(configuration.fleet)
        wanted = configuration.settings.telemetry.wanted
        self._telemetry = self._outlet() if wanted else None

    async def run(self) -> Ledger:
        """Run until SIGTERM; then the workers drain, what waits is handed over, and the spools' ledger returned."""
        stop = stop_on_signals()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reread.set)
        supervisor = Supervisor(None, dict(os.environ), self._clock, lambda: None)
        async with AsyncExitStack() as stack:
            disk = DiskThread()
            stack.callback(disk.close)
            if self._telemetry is not None:
                self._say_scraped(await stack.enter_async_context(self._telemetry.running()))
            session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
            spools = self._open_spools(stack, session, disk)
            rooms = [asyncio.create_task(self._keep_configuration(), name="configuration")]
            rooms += [asyncio.create_task(shipper.run(), name="ship") for shipper in self._shippers.values()]

            async def ledger() -> Ledger:
                return total([await disk(spool.ledger) for spool in spools])

            rooms.append(asyncio.create_task(keep_watching(ledger, self._tell, self._clock), name="watch the spools"))
            for number in range(self._workers):
                supervisor.start(self._program(number))
            self._say(f"agent: {self._what()} from {self._configuration.settings.vantage.name}")
            try:
                await self._until(stop, rooms, supervisor)
            finally:
                await asyncio.gather(*(supervisor.stop(name) for name in supervisor.children))
                for room in rooms:
                    room.cancel()
                await asyncio.gather(*rooms, return_exceptions=True)
                await self._hand_over()
            return await ledger()

    def _open_spools(self, stack: AsyncExitStack, session: aiohttp.ClientSession, disk: DiskThread) -> list[Spool]:
        """The spools of our workers, and of those that are gone; each with its way to the collector."""
        settings = self._configuration.settings.agent

        async def deliver(batch: Batch) -> None:
            agent = self._configuration.settings.agent
            token = agent.token.get_secret_value() if agent.token else None
            self._look_again(await ship(session, agent.collector_url, batch, RESOURCE, token))
            if self._telemetry is not None:
                self._telemetry.observed(batch.observations())

        place = Path(settings.spool)
        BudgetLedger(budget_file(place)).close()  # made before the workers open it
        ours = {spool_file(place, number) for number in range(self._workers)}
        spools = []
        for file in sorted(ours | set(spool_files(place))):
            salvage = salvaged(file, self._clock.now())
            if salvage is not None:
                logger.error("%s", salvage)
                self._say(f"agent: {salvage}")
            spool = stack.enter_context(closing(Spool(file, Bounds.of(settings))))
            self._shippers[file] = Shipper(spool, settings, deliver, self._clock, disk)
            spools.append(spool)
        return spools

    def _outlet(self) -> Telemetry:
        return Telemetry(
            self._configuration.settings.telemetry,
            RESOURCE,
            self._addresses,
            self._clock,
            version=__version__,
            objectives=lambda: self._configuration.settings.objectives,
        )

    def _say_scraped(self, address: str) -> None:
        if address:
            self._say(f"agent: metrics at {address}")

    def _tell(self, ledger: Ledger) -> None:
        if self._telemetry is not None:
            self._telemetry.spooled(ledger.pending, ledger.costs)

    def _program(self, number: int) -> Program:
        verbose = ("-v",) if logging.getLogger().isEnabledFor(logging.INFO) else ()
        spool = spool_file(Path(self._configuration.settings.agent.spool), number)

        async def talk(process: asyncio.subprocess.Process) -> None:
            await self._talk(process, number, self._shippers[spool])

        return Program(
            f"worker {number}",
            (*verbose, "agent", "--worker", str(number)),
            stop_s=WORKER_STOP_S,
            orphan=signal.SIGKILL,
            talk=talk,
        )

    async def _talk(self, process: asyncio.subprocess.Process, number: int, shipper: Shipper) -> None:
        """Give a worker its orders, and hear when it has a failure."""
        assert process.stdin is not None and process.stdout is not None
        self._pipes[number] = process.stdin
        self._order(number)
        while heard := await process.stdout.read(BELL_BYTES_MAX):
            if FAILURE in heard:
                shipper.ring()

    def _order(self, number: int) -> None:
        self._write(number, self._orders[number])

    def _look_again(self, subjects: Collection[tuple[str, str]]) -> None:
        """Pass on to its worker what the collector wants looked at."""
        for number in {worker_of(target, self._workers) for target, _ in subjects}:
            mine = frozenset(one for one in subjects if worker_of(one[0], self._workers) == number)
            self._write(number, LookAgain(mine))

    def _write(self, number: int, message: Orders | LookAgain) -> None:
        pipe = self._pipes.get(number)
        if pipe is not None and not pipe.is_closing():
            pipe.write(framed(message))

    async def _until(self, stop: asyncio.Event, rooms: Sequence[asyncio.Task[None]], supervisor: Supervisor) -> None:
        """Wait for *stop*; a room that ends before it is our bug, a worker that cannot be kept running ends us too."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stopped.done():
                done, _ = await asyncio.wait({stopped, *rooms}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()
                for name, child in supervisor.children.items():
                    if child.finished:
                        raise TouchstoneError(f"{name} cannot be kept running; it ended with {child.exit_code}")
        finally:
            stopped.cancel()

    async def _keep_configuration(self) -> None:
        """On SIGHUP, and when the files have changed, go on with what they say now, if it is right."""
        known = fingerprint(self._file, self._configuration.settings.fleet)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await self._reread.wait()
            found = await asyncio.to_thread(fingerprint, self._file, self._configuration.settings.fleet)
            if found == known and not self._reread.is_set():
                continue
            self._reread.clear()
            known = found
            try:
                fresh = await asyncio.to_thread(partial(load_configuration, self._file, os.environ, probing=True))
            except ConfigurationError as error:
                for finding in error.findings:
                    logger.error("%s", finding)
                logger.error("the configuration has errors (above); the one before stays")
            else:
                self._take(fresh)

    def _take(self, fresh: Configuration) -> None:
        """Go on with *fresh*, but for what only a start can change."""
        before, self._configuration = self._configuration, _startable(self._configuration, fresh, self._say)
        self._orders = orders_of(self._configuration, self._workers)
        self._addresses.clear()
        self._addresses.update(addresses_of(self._configuration.fleet))
        for number in range(self._workers):
            self._order(number)
        for shipper in self._shippers.values():
            shipper.settings = self._configuration.settings.agent
        changed = "nothing changed" if before == self._configuration else self._what()
        self._say(f"agent: configuration read again: {changed}")

    def _what(self) -> str:
        subjects, workers = sum(len(orders.subjects) for orders in self._orders), self._workers
        return f"{subjects} subjects in {workers} worker{'s' if workers > 1 else ''}"

    async def _hand_over(self) -> None:
        try:
            async with asyncio.timeout(HAND_OVER_S):
                await asyncio.gather(*(shipper.ship_all() for shipper in self._shippers.values()))
        except (DeliveryError, SpoolError, TimeoutError) as error:
            logger.warning("not everything was handed over; it waits in the spool: %s", error)


def _startable(before: Configuration, fresh: Configuration, say: Callable[[str], None]) -> Configuration:
    """*fresh* with the settings of *before* that hold from start to end; whoever changed them is told."""
    old, new = before.settings, fresh.settings
    held = {
        name: getattr(old.agent, name)
        for name in ("spool", "spool_rows_max", "spool_bytes_max", "spool_age_max", "workers")
    }
    late = [f"agent.{name}" for name, value in held.items() if getattr(new.agent, name) != value]
    whole = {name: getattr(old, name) for name in ("vantage", "simulated", "telemetry")}
    late += [name for name, value in whole.items() if getattr(new, name) != value]
    if late:
        say(f"agent: takes effect at the next start: {', '.join(late)}")
    agent = new.agent.model_copy(update=held)
    settings = new.model_copy(update={"agent": agent, **whole})
    return fresh.model_copy(update={"settings": settings})
