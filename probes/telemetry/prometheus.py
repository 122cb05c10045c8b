"""The Prometheus endpoint: `GET /metrics`, in the text format or OpenMetrics, as the scraper asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from schemas.errors import TouchstoneError

SHUTDOWN_S = 2.0


class PrometheusEndpoint:
    """A reader of all metrics, and the server that shows them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self.reader = PrometheusMetricReader(registry=self._registry, scope_info_enabled=False)

    @asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[str]:
        """Serve on *host*:*port* (0 for any free one) until the block ends; gives the address."""
        app = web.Application()
        app.router.add_get("/metrics", self._show)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                said = f"telemetry.prometheus_listen: cannot listen on {host}:{port}: {error.strerror}"
                raise TouchstoneError(said) from error
            yield f"http://{host}:{runner.addresses[0][1]}/metrics"
        finally:
            await runner.cleanup()

    async def _show(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
