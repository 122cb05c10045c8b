"""
OTLP in: from a body on the wire to rows that ClickHouse has; and only then 200.

A body that cannot be read is refused whole. A span is an observation of ours, or somebody's real traffic (passive.py);
one that is neither is rejected by number and by what is wrong in OTLP's partial success; the others are stored.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector.otlp_body import groups_in
from collector.own_spans import OwnSpans
from collector.passive import ATTR_TARGET, ClientSpan, Rejection, TargetIndex, passive_observation
from schemas.clock import Clock
from schemas.errors import BodyError, SpanRejected, StoreError, StoreRejected, WireError
from schemas.observation import Observation
from schemas.otlp_values import attributes_of
from schemas.wire import ATTR_BATCH, ATTR_SEQ, from_attributes

T = TypeVar("T", Span, Resource)
logger = logging.getLogger(__name__)

SAID_MAX = 5  # rejected spans that are named
NAME_CHARS_MAX = 60
SPAN_BYTES_MAX = 1024 * 1024
ATTRIBUTES_MAX = 256  # of a span or a resource
AGE_MAX = timedelta(days=180)  # the TTL of the table: what is older would be dropped at once
AHEAD_MAX = timedelta(days=1)  # a clock further ahead is plainly wrong, and its days would stay for ever
TOGETHER_MAX = 16  # bodies that are taken in by one insert
TOGETHER_SPANS_MAX = 2000  # after that many, no further body is read along
TOGETHER_BYTES_MAX = 256 * 1024  # of them as they came; a larger one is taken in alone
NO_TARGETS = TargetIndex()


@dataclass(frozen=True, slots=True)
class Received:
    """One observation as it came: with its batch and number there."""

    observation: Observation
    batch_id: int
    seq: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body held. *rejected* counts spans that are no observations, *why* by name; *said* names the first."""

    received: tuple[Received, ...]
    rejected: int
    said: str
    why: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Times:
    """The instants that an observation may be of."""

    first: datetime
    last: datetime

    @classmethod
    def around(cls, now: datetime) -> Times:
        """What the store keeps until *now*, and as far ahead as a clock may be."""
        return cls(now - AGE_MAX, now + AHEAD_MAX)

    def check(self, observation: Observation) -> None:
        """Raise SpanRejected when it is of another time."""
        o = observation
        if min(o.tick, o.started_at, o.finished_at) < self.first:
            raise SpanRejected(Rejection.TOO_OLD, f"it is of before {self.first:%Y-%m-%d}, and would not be kept")
        if max(o.tick, o.started_at, o.finished_at) > self.last:
            raise SpanRejected(Rejection.IN_THE_FUTURE, f"it is of after {self.last:%Y-%m-%dT%H:%MZ}")


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


def read_body(
    content: bytes,
    *,
    spans_max: int,
    targets: TargetIndex = NO_TARGETS,
    times: Times | None = None,
    own_spans: OwnSpans | None = None,
) -> Reading:
    """
    The observations of an OTLP request; raises WireError when it is none, or holds too many spans.

    *own_spans* remembers attributes from one request to the next.
    """
    own_spans = own_spans or OwnSpans()
    received, problems, why, number = [], list[str](), Counter[str](), 0
    for group in groups_in(content, spans_max=spans_max):
        resource = _resource_of(group.resource)
        for span_bytes in group.spans:
            name = ""
            try:
                _small_enough(span_bytes)
                if (ours := own_spans.read(span_bytes, ATTRIBUTES_MAX)) is not None:
                    name, observation, batch_id, seq = ours
                    one = Received(observation, batch_id, seq)
                else:
                    span = _decoded(Span, span_bytes)
                    name = span.name
                    one = _received(span, resource, targets)
                if times is not None:
                    times.check(one.observation)
                received.append(one)
            except SpanRejected as error:
                problems.append(f"span {number} ({name[:NAME_CHARS_MAX]!r}): {error}")
                why[error.why] += 1
            except BodyError:
                raise
            except WireError as error:
                problems.append(f"span {number} ({name[:NAME_CHARS_MAX]!r}): {error}")
                why[Rejection.MALFORMED] += 1
            del problems[SAID_MAX:]
            number += 1
    return Reading(tuple(received), sum(why.values()), "; ".join(problems), {str(name): n for name, n in why.items()})


@dataclass(slots=True, eq=False)
class _Waiting:
    """A body that waits to be taken in, and what became of it."""

    body: bytes
    encoding: str
    reading: Reading | None = None
    error: WireError | StoreError | None = None
    done: bool = False  # stored and decided on


class Ingest:
    """Takes bodies in: checked, stored, decided, one after the other, and those that wait together."""

    def __init__(
        self,
        writer: Writer,
        key_of: KeyOf,
        decided: Decided,
        clock: Clock,
        *,
        bytes_max: int,
        spans_max: int,
        targets: TargetIndex = NO_TARGETS,
    ) -> None:
        self._writer, self._key_of, self._decided, self._clock = writer, key_of, decided, clock
        self._bytes_max, self._spans_max, self._targets = bytes_max, spans_max, targets
        self._taken, self._rejected = Counter[str](), Counter[str]()
        self._own_spans = OwnSpans()
        self._one_at_a_time = asyncio.Lock()
        self._waiting: list[_Waiting] = []
        self._under_way: datetime | None = None  # stays when an insert failed, until it is known what became of it
        self._settled = False  # a process before us may have left an insert running

    async def start(self) -> None:
        """Wait for what a process before us may have left running in the store."""
        async with self._one_at_a_time:
            await self._settle()

    def counts(self) -> dict[str, dict[str, int]]:
        """Since the start: observations taken in by source, retries included, and spans rejected by name."""
        return {"taken": dict(self._taken), "rejected": dict(self._rejected)}

    def watermark(self) -> datetime | None:
        """Everything taken in before this instant is stored; None while that cannot be said."""
        if not self._settled and self._under_way is None:
            return None
        return self._under_way or self._clock.now()

    async def take(self, body: bytes, encoding: str) -> Reading:
        """
        Store and judge what *body* holds; raises WireError for the body, StoreError for the store.

        Whoever comes first takes along what waits behind it, as one insert: that costs the store tens of ms however few
        rows are in it, so many agents that send little would else wait for each other.
        """
        mine = _Waiting(body, encoding)
        self._waiting.append(mine)
        try:
            async with self._one_at_a_time:  # reading too: a body that waits is small, one that is unpacked is not
                if mine.error is None and not mine.done:
                    await self._take_together(self._together(mine))
        finally:
            self._waiting.remove(mine)
        if mine.error is not None:
            raise mine.error
        assert mine.reading is not None
        return mine.reading

    def _together(self, first: _Waiting) -> list[_Waiting]:
        """*first* and those that wait, as long as they are few and small."""
        group, size = [first], len(first.body)
        for one in self._waiting:
            if one is first or one.done or one.error is not None:
                continue
            size += len(one.body)
            if len(group) >= TOGETHER_MAX or size > TOGETHER_BYTES_MAX:
                break
            group.append(one)
        return group

    async def _take_together(self, group: Sequence[_Waiting]) -> None:
        """Read each of *group*, then store and decide on all that could be read; each gets its answer or its error."""
        read, spans = list[_Waiting](), 0
        for one in group:
            if spans > TOGETHER_SPANS_MAX:
                break  # the others wait on, and take themselves
            try:
                one.reading = await asyncio.to_thread(self._read, one.body, one.encoding)
            except WireError as error:
                one.error = error
                continue
            read.append(one)
            spans += len(one.reading.received)
            self._rejected.update(one.reading.why)
            if one.reading.rejected:
                logger.warning("%d spans rejected: %s", one.reading.rejected, one.reading.said)
        await self._store_together(read)

    async def _store_together(self, read: Sequence[_Waiting]) -> None:
        try:
            await self._take_in([received for one in read if one.reading for received in one.reading.received])
        except StoreRejected as error:
            if len(read) == 1:
                read[0].error = error
                return
            for one in read:  # what one of them holds is no reason to refuse the others
                await self._store_together([one])
        except StoreError as error:
            for one in read:
                one.error = error
        else:
            for one in read:
                one.done = True

    async def _take_in(self, received: Sequence[Received]) -> None:
        if received:
            await self._store(received)
            await self._decided([one.observation for one in received])
            self._taken.update(one.observation.source.value for one in received)

    def _read(self, body: bytes, encoding: str) -> Reading:
        content = unpacked(body, encoding, bytes_max=self._bytes_max)
        times = Times.around(self._clock.now())
        return read_body(
            content, spans_max=self._spans_max, targets=self._targets, times=times, own_spans=self._own_spans
        )

    async def _store(self, received: Sequence[Received]) -> None:
        """Insert what the store has not got; a retry of a batch that was stored, or half of it, adds nothing twice."""
        await self._settle()
        stored = await self._writer.stored_keys([one.observation for one in received])
        fresh: dict[Any, Received] = {}
        for one in received:  # of two with one key the first counts, as if they had come one after the other
            fresh.setdefault(self._key_of(one.observation), one)
        news = [one for key, one in fresh.items() if key not in stored]
        if news:
            self._under_way, self._settled = self._clock.now(), False
            await self._writer.insert_received(news, self._under_way)
            self._under_way, self._settled = None, True

    async def _settle(self) -> None:
        if not self._settled:
            await self._writer.settled()
            self._under_way, self._settled = None, True


def _small_enough(message: bytes) -> None:
    if len(message) > SPAN_BYTES_MAX:
        raise SpanRejected(Rejection.TOO_LARGE, f"{len(message)} bytes; at most {SPAN_BYTES_MAX}")


def _few_enough(pairs: Sized, what: str) -> None:
    if len(pairs) > ATTRIBUTES_MAX:
        raise SpanRejected(Rejection.TOO_LARGE, f"{len(pairs)} attributes of {what}; at most {ATTRIBUTES_MAX}")


def _decoded(kind: type[T], message: bytes) -> T:
    decoded = kind()
    try:
        decoded.ParseFromString(message)
    except DecodeError as error:
        raise BodyError(f"the body is not an OTLP trace request: {error}") from error
    return decoded


def _resource_of(message: bytes) -> Resource | None:
    """The resource; None when it is larger than any may be."""
    return _decoded(Resource, message) if len(message) <= SPAN_BYTES_MAX else None


def _received(span: Span, resource: Resource | None, targets: TargetIndex) -> Received:
    _few_enough(span.attributes, "the span")
    attributes = attributes_of(span.attributes)
    if any(name.startswith("touchstone.") and name != ATTR_TARGET for name in attributes):
        observation = from_attributes(attributes, start_ns=span.start_time_unix_nano, end_ns=span.end_time_unix_nano)
        return Received(observation, _number(attributes, ATTR_BATCH, 2**64), _number(attributes, ATTR_SEQ, 2**63))
    if resource is None:
        raise SpanRejected(Rejection.TOO_LARGE, f"its resource has more than {SPAN_BYTES_MAX} bytes")
    _few_enough(resource.attributes, "the resource")
    client = ClientSpan(
        id=span.span_id.hex(),
        client=span.kind == Span.SPAN_KIND_CLIENT,
        attributes=attributes,
        resource=attributes_of(resource.attributes),
        events=tuple((event.name, event.time_unix_nano) for event in span.events),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
    )
    return Received(passive_observation(client, targets), 0, 0)


def _number(attributes: Mapping[str, object], name: str, limit: int) -> int:
    value = attributes.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < limit:
        raise WireError(f"attribute {name}: not a whole number below {limit}")
    return value
