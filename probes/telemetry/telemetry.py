"""
OpenTelemetry out, as a room of its own: it is told what was delivered, and shows it to whoever asks.

It belongs into the process that ships, never into an event loop that probes: nothing else shares that one, or the
timings lie.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import aiohttp
from opentelemetry.sdk.resources import Resource

from probes.telemetry.conventions import Addresses
from probes.telemetry.metrics import Metrics
from probes.telemetry.otlp import OtlpExport
from probes.telemetry.prometheus import PrometheusEndpoint
from schemas.clock import Clock
from schemas.config import Telemetry as TelemetrySettings
from schemas.errors import DeliveryError
from schemas.objectives import Objective
from schemas.observation import Observation

logger = logging.getLogger(__name__)


class Telemetry:
    """Metrics of what is delivered, for a Prometheus that scrapes and an endpoint that is sent to; either or both."""

    def __init__(
        self,
        settings: TelemetrySettings,
        resource: Resource,
        addresses: Addresses,
        clock: Clock,
        *,
        version: str,
        objectives: Callable[[], Sequence[Objective]] = tuple,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._prometheus = PrometheusEndpoint() if settings.prometheus_listen else None
        self._otlp = (
            OtlpExport(
                settings.otlp_endpoint,
                settings.request_headers(),
                resource,
                addresses,
                spans=settings.spans,
                dropped=lambda spans: self._metrics.dropped(spans),
            )
            if settings.otlp_endpoint
            else None
        )
        readers = [room.reader for room in (self._prometheus, self._otlp) if room is not None]
        self._metrics = Metrics(
            readers,
            resource,
            addresses,
            cardinality_limit=settings.cardinality_limit,
            version=version,
            objectives=objectives,
        )

    def observed(self, observations: Sequence[Observation]) -> None:
        """Take in a batch that was delivered; never blocks on anybody."""
        self._metrics.observed(observations)
        if self._otlp is not None:
            self._otlp.observed(observations)

    def spooled(self, pending: int, costs: Mapping[str, int]) -> None:
        """So many observations wait in the spool, and so many its bounds have cost since it was made, by name."""
        self._metrics.spooled(pending, costs)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve and send until the block ends, with a last round at its end; gives the scrape address, or nothing."""
        async with AsyncExitStack() as rooms:
            rooms.callback(self._metrics.close)
            address = ""
            if self._prometheus is not None and self._settings.prometheus_listen is not None:
                host, _, port = self._settings.prometheus_listen.rpartition(":")
                address = await rooms.enter_async_context(self._prometheus.serving(host.strip("[]"), int(port)))
            if self._otlp is not None:
                await rooms.enter_async_context(self._sending(self._otlp))
            yield address

    @asynccontextmanager
    async def _sending(self, otlp: OtlpExport) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(trust_env=False) as session:
            rounds = asyncio.create_task(self._keep_sending(otlp, session), name="telemetry")
            try:
                yield
            finally:
                rounds.cancel()
                with suppress(asyncio.CancelledError):
                    await rounds
                await _round(otlp, session)

    async def _keep_sending(self, otlp: OtlpExport, session: aiohttp.ClientSession) -> None:
        while True:
            await self._clock.sleep(self._settings.interval)
            await _round(otlp, session)


async def _round(otlp: OtlpExport, session: aiohttp.ClientSession) -> None:
    try:
        await otlp.export(session)
    except DeliveryError as error:
        logger.warning("telemetry, again with the next round: %s", error)
