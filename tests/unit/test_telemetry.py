"""OpenTelemetry out: the convention's names, units, attributes and buckets; bounded; nothing lost, nothing leaked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import opentelemetry.semconv._incubating.attributes.gen_ai_attributes as attributes
import opentelemetry.semconv._incubating.metrics.gen_ai_metrics as metrics
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain_text
from pydantic import ValidationError

from collector.exports.prometheus_rules import LABELS, METRIC
from collector.otlp_reading import read_body
from probes.catalog import KINDS
from probes.telemetry import conventions
from probes.telemetry.conventions import DURATION, FIRST_CHUNK, OUTPUT_CHUNK, TOKEN_USAGE, addresses_of
from probes.telemetry.metrics import Metrics
from probes.telemetry.otlp import SPANS_AT_ONCE_MAX, SPANS_WAITING_MAX, OtlpExport
from probes.telemetry.telemetry import Telemetry
from schemas.config import Telemetry as TelemetrySettings
from schemas.errors import DeliveryError, TouchstoneError
from schemas.objectives import Objective
from schemas.observation import Distrust, Observation, Outcome, Reason, Timings, Tokens
from schemas.wire import OPERATIONS
from tests.support.client_spans import fleet
from tests.support.observations import TICK, seen
from touchstone.system_clock import SystemClock

RESOURCE = Resource({"service.name": "touchstone-agent"})
ADDRESSES = {"acme/east/chat": ("east.acme.example", 443)}
REQUEST = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "m-large",
    "server.address": "east.acme.example",
    "server.port": 443,
}


def answered(**changes: Any) -> Observation:
    """An answer of five chunks 20 ms apart."""
    plain: dict[str, Any] = {
        "model": "m-large",
        "timings": Timings(
            sent_ms=5.0, first_token_ms=300.0, total_ms=390.0, arrivals_ms=(300.0, 320.0, 340.0, 360.0, 380.0)
        ),
        "tokens": Tokens(billed_in=40, billed_out=12, counted_out=9, counted_by="words"),
        "late_ms": 2.0,
        "loop_lag_ms": 0.5,
        "finish_reason": "stop",
    }
    return seen(**plain | changes)


def measured(
    *observations: Observation, cardinality_limit: int = 2000, objectives: tuple[Objective, ...] = ()
) -> dict[str, list[Any]]:
    """The data points of every metric, by name."""
    reader = InMemoryMetricReader()
    room = Metrics(
        [reader], RESOURCE, ADDRESSES, cardinality_limit=cardinality_limit, version="1", objectives=lambda: objectives
    )
    room.observed(observations)
    data = reader.get_metrics_data()
    room.close()
    assert data is not None
    found = [metric for group in data.resource_metrics for scope in group.scope_metrics for metric in scope.metrics]
    return {metric.name: list(metric.data.data_points) for metric in found}


def point_of(points: list[Any], **wanted: object) -> Any:
    """The only data point with these attributes (underscores for dots)."""
    named = {name.replace("__", "."): value for name, value in wanted.items()}
    (found,) = [point for point in points if named.items() <= dict(point.attributes).items()]
    return found


@pytest.mark.parametrize(
    ("ours", "name", "create"),
    [
        (DURATION, metrics.GEN_AI_CLIENT_OPERATION_DURATION, metrics.create_gen_ai_client_operation_duration),
        (TOKEN_USAGE, metrics.GEN_AI_CLIENT_TOKEN_USAGE, metrics.create_gen_ai_client_token_usage),
        (
            FIRST_CHUNK,
            metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK,
            metrics.create_gen_ai_client_operation_time_to_first_chunk,
        ),
        (
            OUTPUT_CHUNK,
            metrics.GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK,
            metrics.create_gen_ai_client_operation_time_per_output_chunk,
        ),
    ],
)
def test_names_and_units_are_those_of_the_installed_convention(
    ours: conventions.Instrument, name: str, create: Callable[[Any], Any]
) -> None:
    """Compared with the package, so that an update of it is seen."""

    class Meter:
        """Notes what is asked of it."""

        def create_histogram(self, **said: str) -> dict[str, str]:
            """What was said."""
            return said

    said = create(Meter())
    assert (ours.name, ours.unit, ours.description) == (name, said["unit"], said["description"])


def test_attribute_names_are_those_of_the_installed_convention() -> None:
    """Every one that we send."""
    assert conventions.OPERATION == attributes.GEN_AI_OPERATION_NAME
    assert conventions.PROVIDER == attributes.GEN_AI_PROVIDER_NAME
    assert conventions.REQUEST_MODEL == attributes.GEN_AI_REQUEST_MODEL
    assert conventions.REQUEST_STREAM == attributes.GEN_AI_REQUEST_STREAM
    assert conventions.FINISH_REASONS == attributes.GEN_AI_RESPONSE_FINISH_REASONS
    assert conventions.TIME_TO_FIRST_CHUNK == attributes.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK
    assert conventions.TOKEN_TYPE == attributes.GEN_AI_TOKEN_TYPE


def test_an_answer_is_measured_with_the_conventions_attributes_and_buckets() -> None:
    """Duration, tokens by type as billed, first chunk, and every later chunk."""
    found = measured(answered())
    (duration,), (first,), (chunk,) = (found[one.name] for one in (DURATION, FIRST_CHUNK, OUTPUT_CHUNK))
    tokens = {dict(point.attributes)["gen_ai.token.type"]: point for point in found[TOKEN_USAGE.name]}

    assert isinstance(duration, HistogramDataPoint)
    assert (dict(duration.attributes), duration.count, duration.sum) == (REQUEST, 1, 0.39)
    assert duration.explicit_bounds == first.explicit_bounds == chunk.explicit_bounds == (
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
    )  # fmt: skip
    assert (dict(first.attributes), first.sum) == (REQUEST, 0.3)
    assert (dict(chunk.attributes), chunk.count) == (REQUEST, 4)
    assert chunk.sum == pytest.approx(0.08)
    assert {kind: point.sum for kind, point in tokens.items()} == {"input": 40, "output": 12}
    assert tokens["input"].explicit_bounds == (
        1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
    )  # fmt: skip
    assert dict(tokens["input"].attributes) == REQUEST | {"gen_ai.token.type": "input"}


def test_a_failure_has_its_error_type_and_no_first_chunk() -> None:
    """error.type stands on the duration only."""
    failed = answered(
        outcome=Outcome.FAILED, reason=Reason.TTFT_TIMEOUT, timings=Timings(total_ms=15_000.0), tokens=Tokens()
    )
    found = measured(failed)

    assert dict(found[DURATION.name][0].attributes) == REQUEST | {"error.type": "ttft_timeout"}
    assert {FIRST_CHUNK.name, OUTPUT_CHUNK.name, TOKEN_USAGE.name}.isdisjoint(found)


def test_untrusted_timings_are_in_no_histogram_of_time() -> None:
    """The tokens were counted all the same."""
    found = measured(answered(distrust=Distrust.LOOP_LAG))

    assert {DURATION.name, FIRST_CHUNK.name, OUTPUT_CHUNK.name}.isdisjoint(found)
    assert len(found[TOKEN_USAGE.name]) == 2


def test_what_asks_no_model_is_in_our_own_metrics_only() -> None:
    """A plain request, and a tick at which nothing was asked."""
    found = measured(
        answered(kind="http_request"), answered(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_OFFLINE)
    )

    assert {name for name in found if name.startswith("gen_ai.")} == set()
    assert sum(point.value for point in found["touchstone.observations"]) == 2
    offline = point_of(found["touchstone.observations"], touchstone__outcome="not_observed")
    assert dict(offline.attributes) == {
        "touchstone.provider": "acme", "touchstone.cluster": "acme/east", "touchstone.kind": "chat_stream",
        "touchstone.outcome": "not_observed", "error.type": "observer_offline",
    }  # fmt: skip
    assert found["touchstone.agent.lateness"][0].sum == pytest.approx(0.002)
    assert found["touchstone.agent.loop_lag"][0].sum == pytest.approx(0.0005)


def test_objectives_count_good_and_bad_of_each_target_from_zero() -> None:
    """Availability and latency apart; what says nothing of the provider is counted by neither."""
    available, fast = Objective(name="up", objective=0.999), Objective(name="fast", objective=0.99, ttft=0.25)
    found = measured(
        answered(),
        answered(outcome=Outcome.FAILED, reason=Reason.HTTP_5XX, timings=Timings()),
        answered(outcome=Outcome.FAILED, reason=Reason.AUTH_FAILED, timings=Timings()),
        answered(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_OFFLINE, timings=Timings()),
        answered(attempt=1),
        objectives=(available, fast, Objective(name="others", objective=0.9, providers=("b*",))),
    )["touchstone.objective.events"]

    where = {"touchstone.provider": "acme", "touchstone.cluster": "acme/east", "touchstone.target": "acme/east/chat"}
    said = {
        (point.attributes["touchstone.objective"], point.attributes["touchstone.result"]): point.value
        for point in found
    }
    assert said == {("up", "good"): 1, ("up", "bad"): 1, ("fast", "good"): 0, ("fast", "bad"): 1}
    assert all(where.items() <= dict(point.attributes).items() for point in found)


def test_cardinality_is_bounded_and_totals_stay_right() -> None:
    """Ten sets of attributes are kept, a thousand others are counted together as overflow."""
    many = [answered(model=f"m-{n}", tokens=Tokens()) for n in range(1000)]
    found = measured(*many, cardinality_limit=10)[DURATION.name]
    overflow = point_of(found, otel__metric__overflow=True)

    assert len(found) == 11
    assert dict(overflow.attributes) == {"otel.metric.overflow": True}
    assert (overflow.count, sum(point.count for point in found)) == (990, 1000)


def test_every_kind_that_is_one_request_to_a_model_has_its_operation() -> None:
    """Those that wait for a first token, and embeddings; a burst is many requests at once."""
    asking = {kind for kind, one in KINDS.items() if "ttft_timeout" in one.settings.model_fields}

    assert set(OPERATIONS) == (asking | {"embedding"}) - {"burst"}


def test_addresses_come_from_the_fleet() -> None:
    """Host and port of every target, the scheme's port when the URL has none."""
    found = addresses_of(fleet())

    assert found["acme/east/large"] == ("east.acme.example", 443)
    assert found["acme/west/chat"] == ("west.acme.example", 8000)


@dataclass
class Backend:
    """An OTLP/HTTP endpoint: what it got, and how it answers."""

    url: str = ""
    status: int = 200
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    traces: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@asynccontextmanager
async def backend() -> AsyncIterator[Backend]:
    """A real server on a port of its own."""
    made = Backend()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        made.headers.append(dict(request.headers))
        if made.status == 200 and request.path == "/v1/metrics":
            made.metrics.append(ExportMetricsServiceRequest.FromString(body))
        elif made.status == 200:
            made.traces.append(body)
        return web.Response(status=made.status, headers={"Location": "/elsewhere"})

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/{signal}", take)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/"))
        yield made


def settings_of(**changes: Any) -> TelemetrySettings:
    """Settings with a short interval."""
    return TelemetrySettings.model_validate({"interval": "50ms", **changes})


def telemetry_of(settings: TelemetrySettings, *objectives: Objective) -> Telemetry:
    """The room."""
    return Telemetry(settings, RESOURCE, ADDRESSES, SystemClock(), version="1", objectives=lambda: objectives)


async def until(true: Callable[[], bool]) -> None:
    """Wait for it, at most a minute."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("not within a minute")


async def test_metrics_and_spans_reach_an_endpoint() -> None:
    """With the resource, the headers that were set, and spans that any backend understands and we can read back."""
    async with backend() as there:
        settings = settings_of(
            otlp_endpoint=there.url, headers={"X-Tenant": "t1"}, bearer="s3cret-token-of-the-backend"
        )
        room = telemetry_of(settings)
        async with room.running():
            room.observed([answered()])
            room.spooled(3, {"shortened_rows": 4})
            room.spooled(3, {"shortened_rows": 6})
            await until(lambda: bool(there.traces and there.metrics))
    group = there.metrics[-1].resource_metrics[0]
    names = {metric.name: metric for metric in group.scope_metrics[0].metrics}
    span = ExportTraceServiceRequest.FromString(there.traces[0]).resource_spans[0].scope_spans[0].spans[0]
    said = {pair.key: pair.value for pair in span.attributes}

    assert group.resource.attributes[0].value.string_value == "touchstone-agent"
    assert names[DURATION.name].unit == "s"
    assert list(names[DURATION.name].histogram.data_points[0].explicit_bounds) == list(conventions.SECONDS)
    assert names["touchstone.spool.pending"].gauge.data_points[0].as_int == 3
    assert names["touchstone.spool.cost"].sum.data_points[0].as_int == 6
    assert all(headers["Authorization"] == "Bearer s3cret-token-of-the-backend" for headers in there.headers)
    assert {headers["X-Tenant"] for headers in there.headers} == {"t1"}
    assert (span.name, span.kind) == ("chat m-large", 3)
    assert said["gen_ai.provider.name"].string_value == "acme"
    assert said["gen_ai.response.time_to_first_chunk"].double_value == 0.3
    assert said["gen_ai.response.finish_reasons"].array_value.values[0].string_value == "stop"
    assert said["server.address"].string_value == "east.acme.example"
    assert [one.observation for one in read_body(there.traces[0], spans_max=5).received] == [answered()]


async def test_what_an_endpoint_refuses_is_sent_again_and_once() -> None:
    """503 for a while: nothing is lost, nothing twice."""
    several = [answered(tick=TICK.replace(microsecond=n * 1000)) for n in range(SPANS_AT_ONCE_MAX + 20)]
    async with backend() as there:
        there.status = 503
        room = telemetry_of(settings_of(otlp_endpoint=there.url))
        async with room.running():
            room.observed(several)
            await until(lambda: len(there.headers) > 2)
            there.status = 200
            await until(lambda: len(there.traces) == 2)
    ids = [
        span.span_id
        for body in there.traces
        for span in ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    ]
    assert len(ids) == len(set(ids)) == len(several)


async def test_a_redirect_is_not_followed() -> None:
    """The key goes to the endpoint that was named and to no other."""
    async with backend() as there, aiohttp.ClientSession() as session:
        there.status = 307
        export = OtlpExport(
            there.url, {"Authorization": "Bearer key"}, RESOURCE, {}, spans=True, dropped=lambda _: None
        )
        export.observed([answered()])
        with pytest.raises(DeliveryError, match=r"/v1/traces answered 307$"):
            await export.export(session)
        assert len(there.headers) == 1


async def test_an_endpoint_that_is_not_there_costs_a_bounded_memory() -> None:
    """The oldest fall out and are counted; no error says a header."""
    lost: list[int] = []
    export = OtlpExport(
        "http://127.0.0.1:9", {"Authorization": "Bearer key"}, RESOURCE, {}, spans=True, dropped=lost.append
    )
    one = answered()
    for _ in range(SPANS_WAITING_MAX // 1000 + 2):
        export.observed([one] * 1000)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(DeliveryError) as caught:
            await export.export(session)

    assert sum(lost) == 2000
    assert "key" not in str(caught.value)


async def test_without_spans_only_metrics_are_sent() -> None:
    """`spans: false`."""
    async with backend() as there:
        room = telemetry_of(settings_of(otlp_endpoint=there.url, spans=False))
        async with room.running():
            room.observed([answered()])
            await until(lambda: bool(there.metrics))
    assert there.traces == []


@pytest.mark.parametrize(
    ("accept", "parse"),
    [("", plain_text), ("application/openmetrics-text; version=1.0.0", openmetrics)],
    ids=["text", "openmetrics"],
)
async def test_prometheus_scrapes_what_was_observed(accept: str, parse: Callable[[str], Any]) -> None:
    """Parsed by Prometheus' own parser: cumulative buckets, units in the names, the limit's overflow."""
    room = telemetry_of(settings_of(prometheus_listen="127.0.0.1:0", cardinality_limit=2))
    async with room.running() as address, aiohttp.ClientSession() as session:
        room.observed([answered(model=f"m-{n}") for n in range(5)])
        room.spooled(7, {})
        async with session.get(address, headers={"Accept": accept}) as answer:
            families = {family.name: family for family in parse(await answer.text())}
            assert answer.status == 200
    duration = families["gen_ai_client_operation_duration_seconds"]
    counts = [sample for sample in duration.samples if sample.name.endswith("_count")]
    overflow = [sample for sample in counts if sample.labels.get("otel_metric_overflow") == "true"]
    edges = {sample.labels["le"] for sample in duration.samples if sample.name.endswith("_bucket")}

    assert duration.type == "histogram"
    assert [sample.value for sample in overflow] == [3]
    assert sum(sample.value for sample in counts) == 5
    assert edges == {*(str(edge) for edge in conventions.SECONDS), "+Inf"}
    assert families["touchstone_spool_pending"].samples[0].value == 7
    assert "touchstone_observations" in {name.removesuffix("_total") for name in families}


async def test_prometheus_scrapes_what_the_exported_rules_read() -> None:
    """By the same names, from zero on."""
    room = telemetry_of(settings_of(prometheus_listen="127.0.0.1:0"), Objective(name="up", objective=0.999))
    async with room.running() as address, aiohttp.ClientSession() as session:
        room.observed([answered()])
        async with session.get(address) as answer:
            families = {family.name: family for family in plain_text(await answer.text())}
    samples = [one for one in families[METRIC.removesuffix("_total")].samples if one.name == METRIC]

    assert {one.labels["touchstone_result"]: one.value for one in samples} == {"good": 1, "bad": 0}
    assert all(set(LABELS.split(", ")) < set(one.labels) for one in samples)


async def test_an_address_that_is_taken_is_said() -> None:
    """With the setting's name."""
    async with backend() as there:
        port = there.url.rsplit(":", 1)[1].strip("/")
        with pytest.raises(TouchstoneError, match=rf"telemetry.prometheus_listen: cannot listen on 127.0.0.1:{port}"):
            async with telemetry_of(settings_of(prometheus_listen=f"127.0.0.1:{port}")).running():
                pass


def test_settings_keep_their_secrets() -> None:
    """No key in what is printed; what cannot go into a header is refused."""
    settings = settings_of(otlp_endpoint="http://127.0.0.1:9", headers={"X-Key": "s3cret"}, bearer="s3cret")

    assert "s3cret" not in repr(settings) + str(settings)
    assert settings.request_headers() == {"X-Key": "s3cret", "Authorization": "Bearer s3cret"}
    assert settings.wanted and not TelemetrySettings().wanted
    with pytest.raises(ValidationError, match="line break"):
        settings_of(headers={"X-Key": "a\r\nb"})
    with pytest.raises(ValidationError, match="exclude each other"):
        settings_of(bearer="a", bearer_file="b")
