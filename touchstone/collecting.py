"""The collector's rooms, joined: ingest, judgement, storage and paging know each other only here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from importlib import import_module
from typing import Any

from aiohttp import web

from collector import openapi, outside_api, public_api, report_api
from collector.api import application
from collector.exported import Exported, earlier
from collector.ingest import Ingest
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.integrity.suspicion import Suspicion
from collector.otlp_reading import Received
from collector.paging import ack_link
from collector.paging.fail_open import FailOpen
from collector.paging.heartbeat import keep_beating
from collector.paging.outbox import StandIn, deliveries_of
from collector.paging.sender import Sender
from collector.passive import TargetIndex
from collector.service import Service, run_together
from collector.storage.clickhouse import ClickHouse
from collector.storage.ledger import Ledger
from collector.storage.ledger_outbox import Covered
from collector.storage.migrations import migrate
from collector.storage.otel_traces import install
from collector.storage.packed_rows import NOT_YET, PackedRows, pack, taken_in
from collector.storage.queries import Reader
from collector.storage.rows import StoredRow, key_of
from collector.tokens import Tokens
from schemas.clock import Clock
from schemas.config import Configuration, Settings, Store
from schemas.destinations import Destination
from schemas.errors import StoreUnavailable, TouchstoneError
from schemas.observation import Observation
from schemas.page import Delivery, SendResult
from schemas.paging import Paging
from touchstone import __version__
from touchstone.address import split_address
from touchstone.contracts import counted_by_contracts
from touchstone.page_ledger import open_ledger

STORE_WAIT_S = 60.0
STORE_POLL_S = 0.25
SHUTDOWN_S = 5.0
OWNER_CHARS_MAX = 255  # what the ledger's column holds


async def collect(
    configuration: Configuration, clock: Clock, stop: asyncio.Event, ready: Callable[[str], None]
) -> None:
    """Run the collector until *stop*; *ready* is told its address."""
    settings = configuration.settings
    ledger = await _ledger(settings, clock, stop)
    disk = _Disk(ledger)
    sender = Sender(settings.paging, disk, clock)
    sending = asyncio.create_task(sender.run())  # what waits goes out whether the store answers or not
    try:
        store = await connected(settings.store, clock, stop)
        if store is not None:
            try:
                await _run(configuration, clock, stop, ready, store, disk, sender, sending)
            finally:
                await store.close()
    finally:
        sending.cancel()
        await asyncio.wait({sending})
        disk.close()


async def connected(settings: Store, clock: Clock, stop: asyncio.Event) -> ClickHouse | None:
    """An open store with every migration applied, waited for up to a minute; None when stopped meanwhile."""
    give_up = clock.monotonic() + STORE_WAIT_S
    while not stop.is_set():
        try:
            await asyncio.to_thread(migrate, settings)
            if settings.otel_traces:
                await asyncio.to_thread(install, settings)
            return await ClickHouse.connect(settings, clock=clock)
        except StoreUnavailable:
            if clock.monotonic() > give_up:
                raise
            await clock.sleep(STORE_POLL_S)
    return None


async def _ledger(settings: Settings, clock: Clock, stop: asyncio.Event) -> Ledger:
    """The open transactional store, with what this collector held when it died given back; a server is waited for."""
    give_up = clock.monotonic() + STORE_WAIT_S
    owner = f"{socket.gethostname()}/{settings.collector.listen}"[-OWNER_CHARS_MAX:]
    while True:
        try:
            ledger = await asyncio.to_thread(open_ledger, settings, owner)
            await asyncio.to_thread(ledger.release)
            await asyncio.to_thread(ledger.release_reports)
            return ledger
        except StoreUnavailable:
            if not settings.collector.shared_state or stop.is_set() or clock.monotonic() > give_up:
                raise
            await clock.sleep(STORE_POLL_S)


async def _run(
    configuration: Configuration,
    clock: Clock,
    stop: asyncio.Event,
    ready: Callable[[str], None],
    store: ClickHouse,
    disk: _Disk,
    sender: Sender,
    sending: asyncio.Task[None],
) -> None:
    settings = configuration.settings
    state = _FailingOpen(disk.ledger, sender, asyncio.get_running_loop())
    service = Service(
        configuration=configuration,
        index=FleetIndex.of(configuration),
        clock=clock,
        facts=store,
        state=state,
        on_disk=disk.run,
        deliveries=partial(_deliveries, configuration),
        roll_up=store.rollups.advance,
        burn_rates=store.burn_rates(configuration).readings,
        examine=partial(_examined, store, configuration),
        account=lambda at: asyncio.to_thread(counted_by_contracts, configuration, at),
        watermark=lambda: earlier(ingest.watermark(), *(door.watermark() for door in exported)),
        wake_sender=sender.wake,
    )
    ingest = Ingest(
        StoreWriter(store),
        key_of,
        service.decided,
        clock,
        bytes_max=settings.collector.body_bytes_max,
        spans_max=settings.collector.spans_max,
        targets=TargetIndex.of(configuration.fleet),
    )
    exported = _exported(configuration, clock, store, service)
    await ingest.start()
    reads = cache(lambda: Reader.open(settings.store))
    app = application(
        ingest,
        reads,
        store.ping,
        service,
        clock,
        (
            *outside_api.routes(service, partial(_link_verified, settings.paging, clock), *_webhooks(settings.paging)),
            *report_api.routes(partial(_reports, disk)),
            *public_api.routes(reads, settings.paging, clock, simulated=settings.simulated),
            *openapi.routes(__version__),
        ),
        tokens=Tokens(
            {name: one.secret.get_secret_value() for name, one in settings.collector.tokens.items() if one.secret}
        ),
        public=public_api.is_public if settings.collector.public else lambda path: False,
        body_bytes_max=settings.collector.body_bytes_max,
        confidence=settings.tiers.confidence,
    )
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    host, port = split_address(settings.collector.listen)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise TouchstoneError(f"collector.listen: cannot listen on {host}:{port}: {error.strerror}") from error
    ready(f"http://{host}:{port}")
    await store.note_configuration(configuration, __version__, clock.now())
    loops = (
        service.keep_deciding(),
        service.keep_copying(),
        service.keep_judging(),
        service.keep_rolling_up(),
        service.keep_examining(),
        service.keep_timing(),
        *_wished(settings, service, clock),
        *_reporting(configuration, clock, disk),
        sending,
        *(loop() for door in exported for loop in (door.keep_deciding, door.keep_sweeping, door.keep_reconciling)),
    )
    try:
        await run_together(stop, *loops)
    finally:
        await runner.cleanup()
        await service.finish()


async def _examined(store: ClickHouse, configuration: Configuration, at: datetime) -> Mapping[str, Suspicion]:
    """What claims come to. The checks are read in when they are first needed: a restart pages half a second sooner."""
    examination = await asyncio.to_thread(import_module, "collector.examination")
    found: Mapping[str, Suspicion] = await examination.suspicions_at(store, configuration, at)
    return found


def _wished(settings: Settings, service: Service, clock: Clock) -> Iterator[Coroutine[Any, Any, None]]:
    """The loops that only some settings ask for."""
    paging = settings.paging
    if settings.objectives:
        yield service.keep_burning()
    if service.configuration.contracts:
        yield service.keep_accounting()
    if paging.drill is not None:
        yield service.keep_drilling(paging.drill)
    if paging.heartbeat is not None:
        yield keep_beating(paging.heartbeat, service.ailments, clock, outside_only=not paging.private_addresses)


def _reporting(configuration: Configuration, clock: Clock, disk: _Disk) -> Iterator[Coroutine[Any, Any, None]]:
    """The loop of reports, where there are any; what it needs is read in only then."""
    if configuration.settings.reports:
        from collector.reporting import Reporter

        reader = partial(Reader.open, configuration.settings.store)
        yield Reporter(configuration, clock, disk.ledger, disk.run, reader).keep_reporting()


async def _reports(disk: _Disk) -> list[dict[str, Any]]:
    """How every report stands."""
    return [row.to_json() for row in await disk.run(disk.ledger.reports)]


def _link_verified(paging: Paging, clock: Clock, incident: str, expires: str, signature: str) -> bool:
    """Whether a link to acknowledge is ours; none is without a secret."""
    secret = paging.link_secret.get_secret_value() if paging.link_secret else ""
    return bool(secret and incident) and ack_link.verified(secret, incident, expires, signature, clock.now())


def _webhooks(paging: Paging) -> tuple[str, tuple[str, ...]]:
    """The deployment, and the secrets that PagerDuty's webhooks are signed with."""
    given = (getattr(one, "webhook_secret", None) for one in paging.destinations.values())
    return paging.deployment, tuple(secret.get_secret_value() for secret in given if secret is not None)


def _exported(configuration: Configuration, clock: Clock, store: ClickHouse, service: Service) -> tuple[Exported, ...]:
    """The work on what an OpenTelemetry Collector stores, where that is switched on."""
    if store.otel_traces is None:
        return ()
    targets = TargetIndex.of(configuration.fleet)
    return (Exported(store.otel_traces, StoreWriter(store), key_of, service.decided, clock, targets),)


class StoreWriter:
    """What ingest asks of the store, in the store's own rows."""

    def __init__(self, store: ClickHouse) -> None:
        self.stored_keys = store.stored_keys
        self.settled = store.settled
        self._insert, self._insert_packed = store.insert_observations, store.insert_packed

    def packed(self, received: Sequence[Received]) -> PackedRows:
        """New observations, but for when they are taken in."""
        return pack([StoredRow(*one, NOT_YET) for one in received])

    async def insert_received(self, packed: PackedRows, ingested_at: datetime) -> None:
        """Store new observations."""
        await self._insert_packed(taken_in(packed, ingested_at))

    async def insert_passive(self, observations: Sequence[Observation], ingested_at: datetime) -> None:
        """Store real traffic that came past us."""
        await self._insert([StoredRow(one, 0, 0, ingested_at) for one in observations])


class _FailingOpen(FailOpen):
    """What the service needs of the ledger; while that does not answer, the sender is told from the ledger's thread."""

    def __init__(self, ledger: Ledger, sender: Sender, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(ledger.step, self)
        self.uncopied, self.copied = ledger.uncopied, ledger.copied
        self.state, self.oldest_waiting = ledger.state, ledger.oldest_waiting
        self.delivered_in_time, self.figures = ledger.delivered_in_time, ledger.figures
        self.deliveries, self.attempts = ledger.deliveries, ledger.attempts
        self._sender, self._loop = sender, loop

    def send_directly(self, deliveries: Sequence[Delivery]) -> None:
        """As Sender.send_directly."""
        self._loop.call_soon_threadsafe(self._sender.send_directly, deliveries)

    def store_is_back(self) -> None:
        """As Sender.store_is_back."""
        self._loop.call_soon_threadsafe(self._sender.store_is_back)


class _Disk:
    """The ledger off the event loop: decisions one after the other in a thread, the sender's outbox in another."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._outbox_thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """*work* in the ledger's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def lease(self, now: datetime, destinations: Mapping[str, Destination], at_once: int) -> Sequence[Delivery]:
        """As Ledger.lease."""
        leased: list[Delivery] = await self._in_outbox(self.ledger.lease, now, destinations, at_once)
        return leased

    async def settle(self, delivery: Delivery, result: SendResult) -> None:
        """As Ledger.settle."""
        await self._in_outbox(self.ledger.settle, delivery, result)

    async def cover(self, now: datetime, after_s: float, stand_in: Callable[..., StandIn]) -> Sequence[Covered]:
        """As Ledger.cover."""
        covered: list[Covered] = await self._in_outbox(self.ledger.cover, now, after_s, stand_in)
        return covered

    async def _in_outbox(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._outbox_thread, work, *arguments)

    def close(self) -> None:
        """Finish what runs, give back what is held, so that another collector sends it at once, and let go."""
        self._thread.shutdown()
        self._outbox_thread.shutdown()
        with suppress(StoreUnavailable):  # then it expires
            self.ledger.release()
        self.ledger.close()


def _deliveries(configuration: Configuration, intents: Any, known: Any) -> Sequence[Delivery]:
    return deliveries_of(intents, configuration.settings.paging, known)
