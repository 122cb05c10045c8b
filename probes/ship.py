"""Hands batches to the collector: OTLP/HTTP protobuf, gzip, one POST each; delivered only on 200."""

from __future__ import annotations

import gzip
import math
from typing import Any

import aiohttp
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from probes.spool import Batch
from schemas.errors import DeliveryError
from schemas.observation import Observation, Outcome
from schemas.wire import ATTR_BATCH, ATTR_SEQ, OPERATIONS, SCOPE_NAME, to_attributes, to_ns

ANSWER_S = 30.0
RETRY_MIN_S = 0.25
RETRY_MAX_S = 5.0

_SCOPE = InstrumentationScope(SCOPE_NAME)


def encoded(batch: Batch, resource: Resource) -> bytes:
    """The OTLP request of *batch*, gzipped; the same batch gives the same spans."""
    spans = [span_of(observation, batch.id, seq, resource) for seq, observation in batch.rows]
    return gzip.compress(encode_spans(spans).SerializeToString(), compresslevel=1, mtime=0)


def span_of(observation: Observation, batch_id: int, seq: int, resource: Resource) -> ReadableSpan:
    """An observation as an OpenTelemetry span; trace and span id derive from its identity."""
    identity = observation.id.int
    attributes: dict[str, Any] = to_attributes(observation) | {ATTR_BATCH: batch_id, ATTR_SEQ: seq}
    failed = observation.outcome is Outcome.FAILED
    return ReadableSpan(
        name=f"{OPERATIONS.get(observation.kind, observation.kind)} {observation.model}".strip(),
        context=SpanContext(identity, identity & (2**64 - 1) or 1, is_remote=False, trace_flags=TraceFlags(1)),
        kind=SpanKind.CLIENT,
        attributes=attributes,
        start_time=to_ns(observation.started_at),
        end_time=to_ns(observation.finished_at),
        resource=resource,
        instrumentation_scope=_SCOPE,
        status=Status(StatusCode.ERROR, observation.detail) if failed else Status(StatusCode.UNSET),
    )


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> None:
    """Give *body* to the collector at *url*; raises DeliveryError on anything but 200."""
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    try:
        async with session.post(f"{url.rstrip('/')}/v1/traces", data=body, headers=headers, timeout=timeout) as answer:
            if answer.status == 200:
                return
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
        return min(max(retry_after_s, 0.0), RETRY_MAX_S)
    return float(min(RETRY_MIN_S * 2 ** min(failures - 1, 10), RETRY_MAX_S))


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
