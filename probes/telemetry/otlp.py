"""
Hands metrics and spans to any OpenTelemetry endpoint: OTLP/HTTP protobuf, gzip, one POST each.

What the endpoint does not take now is tried again with the next round. Metrics are cumulative, so a round that failed
loses nothing; spans wait in memory up to a bound, and what falls out at the other end is counted.
"""

from __future__ import annotations

import gzip
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

import aiohttp
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from probes.telemetry.conventions import Addresses
from probes.telemetry.spans import encoded_spans
from schemas.errors import DeliveryError
from schemas.observation import Observation

logger = logging.getLogger(__name__)

ANSWER_S = 10.0
SPANS_WAITING_MAX = 20_000
SPANS_AT_ONCE_MAX = 500


class OtlpExport:
    """One endpoint: *url* is its base, `/v1/metrics` and `/v1/traces` are added. *headers* may hold secrets."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        resource: Resource,
        addresses: Addresses,
        *,
        spans: bool,
        dropped: Callable[[int], None],
    ) -> None:
        self.reader = InMemoryMetricReader()
        self._url, self._headers, self._resource, self._addresses = url.rstrip("/"), headers, resource, addresses
        self._spans, self._dropped = spans, dropped
        self._waiting: deque[Observation] = deque(maxlen=SPANS_WAITING_MAX)

    def observed(self, observations: Iterable[Observation]) -> None:
        """Keep *observations* for the next round."""
        if not self._spans:
            return
        fresh = list(observations)
        lost = max(0, len(self._waiting) + len(fresh) - SPANS_WAITING_MAX)
        self._waiting.extend(fresh)
        if lost:
            self._dropped(lost)

    async def export(self, session: aiohttp.ClientSession) -> None:
        """One round; raises DeliveryError when the endpoint did not take all of it."""
        data = self.reader.get_metrics_data()
        if data is not None:
            await self._post(session, "metrics", encode_metrics(data).SerializeToString())
        for _ in range(SPANS_WAITING_MAX // SPANS_AT_ONCE_MAX):
            if not self._waiting:
                return
            taken = list(islice(self._waiting, SPANS_AT_ONCE_MAX))
            await self._post(session, "traces", encoded_spans(taken, self._resource, self._addresses))
            self._forget(taken)

    def _forget(self, delivered: list[Observation]) -> None:
        """Let go of what was delivered; some of it may have fallen out meanwhile."""
        for one in delivered:
            if self._waiting and self._waiting[0] is one:
                self._waiting.popleft()

    async def _post(self, session: aiohttp.ClientSession, signal: str, body: bytes) -> None:
        url = f"{self._url}/v1/{signal}"
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", **self._headers}
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        packed = gzip.compress(body, compresslevel=1, mtime=0)
        try:
            async with session.post(
                url, data=packed, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                if 200 <= answer.status < 300:
                    return
                raise DeliveryError(f"{url} answered {answer.status}")
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeError, ValueError) as error:
            raise DeliveryError(f"{url}: {type(error).__name__}") from error
