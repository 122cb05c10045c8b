"""What is shipped is an OTLP request that the collector reads back as the very same observations."""

from __future__ import annotations

import itertools
from dataclasses import replace
from socket import AF_INET

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource

from collector.otlp_reading import Received, read_body, unpacked
from probes.ship import RETRY_AFTER_MAX_S, RETRY_MAX_S, RETRY_MIN_S, backoff_s, encoded, post
from probes.span_bytes import observation_of, span_bytes
from probes.telemetry.spans import conventional_span
from schemas.errors import DeliveryError
from schemas.flat_observation import FlatObservation
from schemas.nanoseconds import to_ns
from schemas.observation import Observation, Outcome
from schemas.wire import SCOPE_NAME, to_attributes
from tests.support.batches import batch_of
from tests.support.observations import any_observation, fullest, seen

RESOURCE = Resource({"service.name": "touchstone-agent"})


@settings(max_examples=60, deadline=None)
@given(
    observations=st.lists(any_observation(), min_size=1, max_size=4),
    id=st.integers(0, 2**63 - 1),
    first=st.integers(1, 2**40),
)
def test_the_collector_reads_what_the_agent_sent(observations: list[Observation], id: int, first: int) -> None:
    """The one wire, both ends: any observation, with its batch and its number."""
    body = encoded(batch_of(id, observations, first=first), RESOURCE)
    reading = read_body(unpacked(body, "", bytes_max=10**7), spans_max=10)

    assert reading.received == tuple(
        Received(FlatObservation.of(one), id, seq) for seq, one in enumerate(observations, first)
    )
    assert (reading.rejected, reading.said) == (0, "")


def test_the_same_batch_gives_the_same_bytes() -> None:
    """A retry is the same request, so that nothing on the way can take it for another."""
    batch = batch_of(7, [seen(), fullest()])

    assert encoded(batch, RESOURCE) == encoded(batch, RESOURCE)


def test_a_span_is_what_any_backend_understands() -> None:
    """Client spans with our scope, ids derived from the identity, an error only for a failure."""
    observations = [seen(outcome=outcome) for outcome in Outcome] + [fullest()]
    body = encoded(batch_of(7, observations), RESOURCE)
    (group,) = ExportTraceServiceRequest.FromString(body).resource_spans
    (scope,) = group.scope_spans

    assert scope.scope.name == SCOPE_NAME
    for span, one in zip(scope.spans, observations, strict=True):
        assert span.trace_id == one.id.bytes
        assert span.kind == Span.SPAN_KIND_CLIENT
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (to_ns(one.started_at), to_ns(one.finished_at))
        assert (span.status.code == Status.STATUS_CODE_ERROR) == (one.outcome is Outcome.FAILED)
    assert scope.spans[-1].name == "chat ours-70b"


def test_waiting_doubles_up_to_a_bound() -> None:
    """A quarter of a second, then twice as long, never longer than half a second."""
    waits = [backoff_s(failures, None) for failures in range(1, 100)]

    assert waits[:3] == [RETRY_MIN_S, 0.5, 0.5]
    assert set(waits[5:]) == {RETRY_MAX_S}
    assert all(a <= b for a, b in itertools.pairwise(waits))


@pytest.mark.parametrize(("asked_s", "waits_s"), [(0.0, 0.0), (1.5, 1.5), (-3.0, 0.0), (3600.0, RETRY_AFTER_MAX_S)])
def test_what_the_collector_asks_for_wins_within_the_bound(asked_s: float, waits_s: float) -> None:
    """Retry-After: an hour would be an hour of lateness."""
    assert backoff_s(9, asked_s) == waits_s


@pytest.mark.parametrize(
    ("status", "header", "wish"),
    [(503, "2.5", 2.5), (503, None, None), (500, "soon", None), (500, "nan", None), (204, None, None)],
)
async def test_anything_but_200_is_not_delivered(status: int, header: str | None, wish: float | None) -> None:
    """With what the collector said and how long it asks to wait; 204 is no OTLP answer."""

    async def answer(_: web.Request) -> web.Response:
        headers = {"Retry-After": header} if header else {}
        return web.Response(status=status, text=None if status == 204 else "not  now\n", headers=headers)

    app = web.Application()
    app.router.add_post("/v1/traces", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        with pytest.raises(DeliveryError, match=f"answered {status}") as caught:
            await post(session, f"{server.make_url('/')}", b"body")

    assert caught.value.retry_after_s == wish
    assert status == 204 or str(caught.value).endswith(": not now")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid", "http://a..b"])
async def test_nobody_there_is_not_delivered(url: str) -> None:
    """A refused connection, an unknown name, or no name at all is a DeliveryError like any other."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(DeliveryError) as caught:
            await post(session, url, b"body")

    assert str(caught.value).startswith(f"{url}: ")
    assert caught.value.retry_after_s is None


async def test_the_body_goes_as_protobuf_with_the_token() -> None:
    """To /v1/traces, once; as it is on loopback, where compressing would only cost."""
    came: list[tuple[str, str | None, str | None, str | None, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        names = ("Content-Type", "Content-Encoding", "Authorization")
        came.append((request.path, *(request.headers.get(name) for name in names), await request.read()))  # type: ignore[arg-type]
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", answer)
    body = encoded(batch_of(1, [seen()]), RESOURCE)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        await post(session, f"{server.make_url('/')}", body)
        await post(session, f"{server.make_url('/')}", body, "a-token-of-sixteen")

    assert came == [
        ("/v1/traces", "application/x-protobuf", None, None, body),
        ("/v1/traces", "application/x-protobuf", None, "Bearer a-token-of-sixteen", body),
    ]


async def test_out_of_this_machine_it_goes_compressed() -> None:
    """Another name than loopback's: gzip, which the collector undoes to the same bytes."""
    came: list[tuple[str | None, bytes]] = []

    async def answer(request: web.Request) -> web.Response:
        came.append((request.headers.get("Content-Encoding"), await request.read()))  # the server has undone gzip
        return web.Response()

    class Elsewhere(AbstractResolver):
        """Every name is this machine."""

        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
            """Loopback."""
            return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=AF_INET, proto=0, flags=0)]

        async def close(self) -> None:
            """Nothing to let go."""

    app = web.Application()
    app.router.add_post("/v1/traces", answer)
    body = encoded(batch_of(1, [seen()]), RESOURCE)
    connector = aiohttp.TCPConnector(resolver=Elsewhere())
    async with TestServer(app) as server, aiohttp.ClientSession(connector=connector) as session:
        await post(session, f"http://collector.example:{server.port}", body)

    assert came == [("gzip", body)]


def test_the_bytes_of_a_span_are_those_of_the_opentelemetry_encoder() -> None:
    """Written by hand, read by anybody: the same message as the SDK makes of the same span."""
    for one in (seen(), replace(fullest(), samples=()), *(seen(outcome=outcome) for outcome in Outcome)):
        ours = Span.FromString(span_bytes(one))
        request = encode_spans([conventional_span(one, RESOURCE, {})])
        theirs = request.resource_spans[0].scope_spans[0].spans[0]
        extra = {pair.key for pair in theirs.attributes} - set(to_attributes(one))
        kept = [pair for pair in theirs.attributes if pair.key not in extra]
        del theirs.attributes[:]
        theirs.attributes.extend(kept)
        if one.outcome is not Outcome.FAILED:
            theirs.ClearField("status")  # the SDK writes one that says nothing

        assert ours == theirs


@settings(max_examples=60, deadline=None)
@given(one=any_observation())
def test_the_bytes_of_a_span_say_the_observation(one: Observation) -> None:
    """Any observation, and nothing is lost."""
    assert observation_of(span_bytes(one)) == one
