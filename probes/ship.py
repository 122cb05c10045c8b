"""Hands batches to the collector: OTLP/HTTP protobuf, one POST each; delivered only on 200."""

from __future__ import annotations

import gzip
import math
from urllib.parse import urlsplit

import aiohttp
from opentelemetry.sdk.resources import Resource

from probes.span_bytes import attribute_bytes, block
from probes.spool import Batch
from schemas import asking
from schemas.batch_order import UNORDERED, BatchOrder
from schemas.errors import DeliveryError
from schemas.loopback import is_loopback
from schemas.wire import SCOPE_NAME

ANSWER_S = 30.0
RETRY_MIN_S = 0.25
RETRY_MAX_S = 0.5  # a collector that comes back is not kept waiting
RETRY_AFTER_MAX_S = 5.0

# Tags of the OTLP schema: field number * 8 + 2, a message or text.
_RESOURCE_SPANS = _RESOURCE = _SCOPE = _RESOURCE_ATTRIBUTE = _SCOPE_NAME = b"\x0a"
_SCOPE_SPANS = _SPAN = b"\x12"


def encoded(batch: Batch, resource: Resource) -> bytes:
    """The OTLP request of *batch*; the same batch gives the same bytes."""
    attributes = attribute_bytes(resource.attributes, tag=_RESOURCE_ATTRIBUTE)
    scope = block(_SCOPE, block(_SCOPE_NAME, SCOPE_NAME.encode()))
    spans = b"".join([scope, *(block(_SPAN, span) for span in batch.spans())])
    return block(_RESOURCE_SPANS, block(_RESOURCE, attributes) + block(_SCOPE_SPANS, spans))


async def ship(
    session: aiohttp.ClientSession, url: str, batch: Batch, resource: Resource, token: str | None = None
) -> frozenset[asking.Subject]:
    """Give *batch* to the collector at *url*, and say which one it comes after; as `post`."""
    return await post(session, url, encoded(batch, resource), token, BatchOrder(batch.id, batch.after))


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    token: str | None = None,
    order: BatchOrder = UNORDERED,
) -> frozenset[asking.Subject]:
    """
    Give *body* to the collector at *url*, gzipped on the way out of this machine; what it asks us to look at now.

    Raises DeliveryError on all but 200.
    """
    headers = {"Content-Type": "application/x-protobuf"} | ({"Authorization": f"Bearer {token}"} if token else {})
    headers |= order.headers()
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        if not is_loopback(urlsplit(url).hostname or ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body, compresslevel=1, mtime=0)
        async with session.post(
            f"{url.rstrip('/')}/v1/traces", data=body, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            if answer.status == 200:
                return asking.subjects_in(answer.headers.get(asking.HEADER))
            said = (await answer.content.read(300)).decode(errors="replace")
            raise DeliveryError(
                f"{url} answered {answer.status}: {' '.join(said.split())}",
                retry_after_s=_seconds(answer.headers.get("Retry-After")),
            )
    except (aiohttp.ClientError, OSError, TimeoutError, UnicodeError) as error:
        raise DeliveryError(f"{url}: {str(error) or type(error).__name__}") from error


def backoff_s(failures: int, retry_after_s: float | None) -> float:
    """How long to wait after *failures* (>= 1) failures in a row; what the collector asked for wins."""
    if retry_after_s is not None:
        return min(max(retry_after_s, 0.0), RETRY_AFTER_MAX_S)
    return float(min(RETRY_MIN_S * 2 ** min(failures - 1, 10), RETRY_MAX_S))


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
