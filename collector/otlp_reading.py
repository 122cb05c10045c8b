"""
A body on the wire as observations.

A body that cannot be read is refused whole. A span is an observation of ours (own_spans.py), or somebody's real traffic
(passive.py); one that is neither is rejected by number and by what is wrong.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collector.otlp_body import groups_in
from collector.own_spans import OwnSpans
from collector.passive import ATTR_TARGET, ClientSpan, Rejection, TargetIndex, passive_observation
from schemas.errors import BodyError, SpanRejected, WireError
from schemas.flat_observation import AnyObservation, FlatObservation
from schemas.observation import Observation
from schemas.otlp_values import attributes_of
from schemas.wire import from_attributes, place_in_batch

T = TypeVar("T", Span, Resource)
SAID_MAX = 5  # rejected spans that are named
NAME_CHARS_MAX = 60
SPAN_BYTES_MAX = 1024 * 1024
ATTRIBUTES_MAX = 256  # of a span or a resource
AGE_MAX = timedelta(days=180)  # the TTL of the table: what is older would be dropped at once
AHEAD_MAX = timedelta(days=1)  # a clock further ahead is plainly wrong, and its days would stay for ever
NO_TARGETS = TargetIndex()


class Received(NamedTuple):
    """One observation as it came: with its batch and number there."""

    flat: FlatObservation
    batch_id: int
    seq: int

    @property
    def observation(self) -> Observation:
        """The whole of it."""
        return self.flat.whole()


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

    def check(self, observation: AnyObservation) -> None:
        """Raise SpanRejected when it is of another time."""
        o = observation
        if (
            self.first <= o.tick <= self.last
            and self.first <= o.started_at <= self.last
            and self.first <= o.finished_at <= self.last
        ):
            return
        if min(o.tick, o.started_at, o.finished_at) < self.first:
            raise SpanRejected(Rejection.TOO_OLD, f"it is of before {self.first:%Y-%m-%d}, and would not be kept")
        raise SpanRejected(Rejection.IN_THE_FUTURE, f"it is of after {self.last:%Y-%m-%dT%H:%MZ}")


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
        small = [span_bytes for span_bytes in group.spans if len(span_bytes) <= SPAN_BYTES_MAX]
        ours = iter(own_spans.read(small, ATTRIBUTES_MAX))
        for span_bytes in group.spans:
            name = ""
            try:
                _small_enough(span_bytes)
                if (known := next(ours)) is not None:
                    name, observation, batch_id, seq = known
                    one = Received(observation, batch_id, seq)
                else:
                    span = _decoded(Span, span_bytes)
                    name = span.name
                    one = _received(span, resource, targets)
                if times is not None:
                    times.check(one.flat)
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
        return Received(FlatObservation.of(observation), *place_in_batch(attributes))
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
    return Received(FlatObservation.of(passive_observation(client, targets)), 0, 0)
