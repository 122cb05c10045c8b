"""
OTLP in: from a body on the wire to rows that ClickHouse has; and only then 200.

A body that cannot be read is refused whole. A span that is no observation is rejected by number and attribute in
OTLP's partial success; the others are stored.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from schemas.clock import Clock
from schemas.errors import WireError
from schemas.observation import Observation
from schemas.wire import ATTR_BATCH, ATTR_SEQ, from_attributes

logger = logging.getLogger(__name__)

SAID_MAX = 5  # rejected spans that are named


@dataclass(frozen=True, slots=True)
class Received:
    """One observation as it came: with its batch and number there."""

    observation: Observation
    batch_id: int
    seq: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body held. *rejected* counts spans that are no observations; *said* names the first of them."""

    received: tuple[Received, ...]
    rejected: int
    said: str


class Writer(Protocol):
    """What ingest needs of the store."""

    async def stored_keys(self, observations: Sequence[Observation]) -> frozenset[Any]:
        """Which natural keys are stored already."""
        ...

    async def insert_received(self, received: Sequence[Received], ingested_at: datetime) -> None:
        """Store new observations."""
        ...

    async def settled(self) -> None:
        """Return once no insert of an earlier attempt is still running in the store."""
        ...


Decided = Callable[[Sequence[Observation]], Awaitable[None]]
KeyOf = Callable[[Observation], Any]


def unpacked(body: bytes, encoding: str, *, bytes_max: int) -> bytes:
    """*body* without its content encoding; raises WireError when it is not what it says, or larger than *bytes_max*."""
    if encoding in {"", "identity"}:
        content = body
    elif encoding in {"gzip", "deflate"}:
        try:
            unzip = zlib.decompressobj(47)
            content = unzip.decompress(body, bytes_max + 1)
        except zlib.error as error:
            raise WireError(f"the body is not {encoding}: {error}") from error
        if len(content) <= bytes_max and not unzip.eof:
            raise WireError(f"the {encoding} body is cut off")
        if unzip.unused_data:  # a second member would be acknowledged and never read
            raise WireError(f"the {encoding} body goes on after its end")
    else:
        raise WireError(f"Content-Encoding {encoding[:40]!r} is not understood; send gzip or none")
    if len(content) > bytes_max:
        raise WireError(f"the body unpacks to more than {bytes_max} bytes")
    return content


def read_body(content: bytes, *, spans_max: int) -> Reading:
    """The observations of an OTLP request; raises WireError when it is none, or holds too many spans."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(content)
    except DecodeError as error:
        raise WireError(f"the body is not an OTLP trace request: {error}") from error
    spans = [span for group in request.resource_spans for scope in group.scope_spans for span in scope.spans]
    if len(spans) > spans_max:
        raise WireError(f"the body holds {len(spans)} spans; at most {spans_max}")
    received, problems = [], []
    for number, span in enumerate(spans):
        try:
            received.append(_received(span))
        except WireError as error:
            problems.append(f"span {number} ({span.name[:60]!r}): {error}")
    return Reading(tuple(received), len(problems), "; ".join(problems[:SAID_MAX]))


class Ingest:
    """Takes bodies one after the other: checked, stored, decided."""

    def __init__(
        self, writer: Writer, key_of: KeyOf, decided: Decided, clock: Clock, *, bytes_max: int, spans_max: int
    ) -> None:
        self._writer, self._key_of, self._decided, self._clock = writer, key_of, decided, clock
        self._bytes_max, self._spans_max = bytes_max, spans_max
        self._one_at_a_time = asyncio.Lock()
        self._under_way: datetime | None = None  # stays when an insert failed, until it is known what became of it
        self._settled = False  # a process before us may have left an insert running

    async def start(self) -> None:
        """Wait for what a process before us may have left running in the store."""
        async with self._one_at_a_time:
            await self._settle()

    def watermark(self) -> datetime | None:
        """Everything taken in before this instant is stored; None while that cannot be said."""
        if not self._settled and self._under_way is None:
            return None
        return self._under_way or self._clock.now()

    async def take(self, body: bytes, encoding: str) -> Reading:
        """Store and judge what *body* holds; raises WireError for the body, StoreError for the store."""
        content = unpacked(body, encoding, bytes_max=self._bytes_max)
        reading = read_body(content, spans_max=self._spans_max)
        if reading.rejected:
            logger.warning("%d spans rejected: %s", reading.rejected, reading.said)
        if reading.received:
            async with self._one_at_a_time:
                await self._store(reading.received)
                await self._decided([one.observation for one in reading.received])
        return reading

    async def _store(self, received: Sequence[Received]) -> None:
        """Insert what the store has not got; a retry of a batch that was stored, or half of it, adds nothing twice."""
        await self._settle()
        stored = await self._writer.stored_keys([one.observation for one in received])
        fresh = {self._key_of(one.observation): one for one in received}
        news = [one for key, one in fresh.items() if key not in stored]
        if news:
            self._under_way, self._settled = self._clock.now(), False
            await self._writer.insert_received(news, self._under_way)
            self._under_way, self._settled = None, True

    async def _settle(self) -> None:
        if not self._settled:
            await self._writer.settled()
            self._under_way, self._settled = None, True


def _received(span: Any) -> Received:
    attributes = {pair.key: _plain(pair.value) for pair in span.attributes}
    observation = from_attributes(attributes, start_ns=span.start_time_unix_nano, end_ns=span.end_time_unix_nano)
    return Received(observation, _number(attributes, ATTR_BATCH, 2**64), _number(attributes, ATTR_SEQ, 2**63))


def _number(attributes: dict[str, object], name: str, limit: int) -> int:
    value = attributes.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise WireError(f"attribute {name}: not a whole number below {limit}")
    return value


def _plain(value: AnyValue) -> object:
    match value.WhichOneof("value"):
        case "array_value":
            return [_plain(one) for one in value.array_value.values]
        case None:
            return None
        case "kvlist_value":
            return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
        case name:
            return getattr(value, name)
