"""What comes through the OpenTelemetry Collector is stored as what comes through ours, and exactly once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import clickhouse_connect
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.sdk.resources import Resource

from collector.exported import Exported, earlier
from collector.otlp_reading import AGE_MAX, AHEAD_MAX, ATTRIBUTES_MAX, Times, read_body
from collector.passive import ClientSpan
from collector.storage import span_columns
from collector.storage.clickhouse import ClickHouse
from collector.storage.client import Client
from collector.storage.connection import arguments
from collector.storage.otel_traces import OtelTraces, Reconciled, definitions, install
from collector.storage.rollups import Rollups, floor
from collector.storage.rows import COLUMNS, StoredRow, key_of
from collector.storage.span_columns import EXPRESSIONS
from probes.ship import encoded
from probes.span_bytes import span_bytes
from probes.spool import Batch
from schemas.config import Store
from schemas.observation import Observation, Outcome, Source
from schemas.sample import Sample
from tests.support.client_spans import MS, NEW, OLD, START_NS, TARGETS, body_of, client_span
from tests.support.exported_rows import EXPORTED_COLUMNS, as_text, column_types, exported_rows
from tests.support.observations import any_observation, fullest, seen
from touchstone.system_clock import SystemClock

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)
CLOSED = floor(NOW, HOUR) - 2 * HOUR  # an hour that is over
RESOURCE = Resource({"service.name": "touchstone"})
READ = ", ".join(name for name in COLUMNS if name != "ingested_at")


class House:
    """One database with the exporter's table, and the tools to look at it."""

    def __init__(self, store: Store, facts: ClickHouse, client: Client, sync: Any) -> None:
        self.store, self.facts, self.sync = store, facts, sync
        self.rollups = Rollups(client)
        self.traces = OtelTraces(client, self.rollups)

    def export(self, observations: Sequence[Observation], batch: int = 9) -> None:
        """What the agent sends, as the exporter stores it: one insert."""
        self.insert(exported_rows(request_of(observations, batch)))

    def insert(self, rows: Sequence[Sequence[Any]]) -> None:
        """One insert of the exporter's."""
        self.sync.insert(
            "otel_traces", rows, column_names=list(EXPORTED_COLUMNS),
            column_type_names=column_types(EXPORTED_COLUMNS), settings={"async_insert": 0},
        )  # fmt: skip

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in self.sync.query(sql).result_rows]

    def rows(self) -> list[tuple[Any, ...]]:
        """Every observation as stored, the instant it was taken in left out."""
        return self.ask(f"SELECT {READ} FROM observations ORDER BY target, vantage, kind, tick, attempt, span")

    def samples(self) -> list[tuple[Any, ...]]:
        """Every sample as stored, the instant it was taken in left out."""
        names = "tick, provider, cluster, target, vantage, name, sample, n, value, text"
        return self.ask(f"SELECT {names} FROM integrity_samples FINAL ORDER BY {names}")

    def forget(self) -> None:
        """No observations and no samples, as after views that lagged."""
        for table in ("observations", "integrity_samples"):
            self.sync.command(f"TRUNCATE TABLE {table}")

    async def reconcile(self) -> Reconciled:
        """A round, now."""
        return await self.traces.reconcile(await self.traces.settled(), datetime.now(UTC))


@pytest_asyncio.fixture
async def house(store: Store) -> AsyncIterator[House]:
    """A store with the path switched on."""
    switched = store.model_copy(update={"otel_traces": "otel_traces"})
    install(switched)
    facts = await ClickHouse.connect(switched, clock=SystemClock())
    client = await Client.connect(switched, SystemClock())
    with clickhouse_connect.get_client(**arguments(switched), database=store.database) as sync:
        yield House(switched, facts, client, sync)
    await client.close()
    await facts.close()


def request_of(observations: Sequence[Observation], batch: int = 9) -> ExportTraceServiceRequest:
    """The OTLP request with which the agent ships them."""
    spans = tuple((seq, span_bytes(one)) for seq, one in enumerate(observations))
    return ExportTraceServiceRequest.FromString(encoded(Batch(batch, spans), RESOURCE))


def taken(request: ExportTraceServiceRequest) -> list[StoredRow]:
    """The rows that our collector would store of it."""
    reading = read_body(request.SerializeToString(), spans_max=10_000, times=Times.around(NOW))
    return [StoredRow(one.observation, one.batch_id, one.seq, NOW) for one in reading.received]


def at(minutes: float, **changes: Any) -> Observation:
    """An observation of the closed hour."""
    return seen(tick=CLOSED + timedelta(minutes=minutes), **changes)


def closed_hour() -> list[Observation]:
    """Ten ticks of it, with failures."""
    outcomes = (Outcome.OK, Outcome.FAILED, Outcome.NOT_OBSERVED, Outcome.DEGRADED)
    return [at(n, outcome=outcomes[n % 4]) for n in range(10)]


def test_the_limits_are_those_of_ingest() -> None:
    """Storage does not know ingest, so a test compares them."""
    assert timedelta(days=span_columns.AGE_MAX_DAYS) == AGE_MAX
    assert timedelta(days=span_columns.AHEAD_MAX_DAYS) == AHEAD_MAX
    assert span_columns.ATTRIBUTES_MAX == ATTRIBUTES_MAX


def test_every_column_has_its_expression() -> None:
    """A column that is added to the rows must be added to the view."""
    assert tuple(EXPRESSIONS) == COLUMNS


async def test_the_table_takes_what_the_exporter_inserts(house: House) -> None:
    """Its columns by its names and types; ours are beside them, with defaults."""
    types = dict(
        house.ask("SELECT name, type FROM system.columns WHERE table = 'otel_traces' AND database = currentDatabase()")
    )

    assert {name: types[name] for name in EXPORTED_COLUMNS} == dict(
        zip(EXPORTED_COLUMNS, column_types(EXPORTED_COLUMNS), strict=True)
    )
    assert set(types) - set(EXPORTED_COLUMNS) == {"Tick", "ReceivedAt"}


async def test_a_row_through_the_exporter_is_the_row_that_our_collector_stores(house: House) -> None:
    """The fullest, the plainest, every outcome, and odd ones: column for column."""
    observations = [
        replace(fullest(), tick=CLOSED), *closed_hour(),
        at(20, detail="é<&>\u2028'\\" * 20, source=Source.PASSIVE, span="00f067aa0ba902b7", access_path=""),
        at(21, started_at=CLOSED + timedelta(microseconds=1999), figures={"a<b": 1e-9, 'c"d': 1e21 / 1e10}),
    ]  # fmt: skip
    request = request_of(observations)
    await house.facts.insert_observations(taken(request))
    wanted = house.rows()
    assert len(wanted) == len(observations)

    house.forget()
    house.insert(exported_rows(request))
    assert house.rows() == wanted
    late = house.ask("SELECT count() FROM observations WHERE abs(dateDiff('second', ingested_at, now64(3))) < 60")
    assert late == [(len(observations),)]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(observations=st.lists(any_observation(), min_size=15, max_size=40))
async def test_whatever_an_agent_may_leave_is_stored_alike(house: House, observations: list[Observation]) -> None:
    """Any text, time, number and outcome."""
    recent = []
    for n, one in enumerate(observations):
        tick = CLOSED + timedelta(seconds=n)
        began = tick + timedelta(microseconds=one.started_at.microsecond)
        ended = tick + timedelta(seconds=2, microseconds=one.finished_at.microsecond)
        recent.append(replace(one, tick=tick, started_at=began, finished_at=ended))
    request = request_of(recent)
    house.forget()
    await house.facts.insert_observations(taken(request))
    wanted, samples = house.rows(), house.samples()

    house.forget()
    house.insert(exported_rows(request))
    assert house.rows() == wanted
    assert house.samples() == samples


WRONG: Mapping[str, Mapping[str, object]] = {
    "no target": {"touchstone.target": None},
    "a target too long": {"touchstone.target": "x" * 501},
    "no tick": {"touchstone.tick_ms": None},
    "a tick too late": {"touchstone.tick_ms": 9_000_000_000_000},
    "a tick that is no number": {"touchstone.tick_ms": "now"},
    "no attempt": {"touchstone.attempt": None},
    "an attempt too many": {"touchstone.attempt": 16},
    "a negative count": {"touchstone.bytes_in": -1},
    "a count too large": {"gen_ai.usage.input_tokens": 2**32},
    "an unknown outcome": {"touchstone.outcome": "fine"},
    "an unknown reason": {"error.type": "gremlins"},
    "ok with a reason": {"error.type": "slow"},
    "failed without a reason": {"touchstone.outcome": "failed"},
    "our fault charged to them": {"touchstone.outcome": "failed", "error.type": "observer_offline"},
    "passive without a span": {"touchstone.source": "passive"},
    "active with a span": {"touchstone.span": "1f"},
    "an unknown source": {"touchstone.source": "hearsay"},
    "a time that is no number": {"touchstone.total_ms": "soon"},
    "a time too long": {"touchstone.total_ms": 1e13},
    "figures without values": {"touchstone.figures.names": ["a"]},
    "a figure without a name": {"touchstone.figures.names": [""], "touchstone.figures.values": [1.0]},
    "samples without values": {"touchstone.samples.series": ["identity"]},
    "a sample without a series": {"touchstone.samples.series": [""], "touchstone.samples.items": ["s:001"],
                                  "touchstone.samples.values": [1.0], "touchstone.samples.texts": ["x"]},
    "a sample too long": {"touchstone.samples.series": ["s"], "touchstone.samples.items": ["i"],
                          "touchstone.samples.values": [1.0], "touchstone.samples.texts": ["x" * 1001]},
    "a sample that is a number": {"touchstone.samples.series": ["s"], "touchstone.samples.items": ["i"],
                                  "touchstone.samples.values": [1.0], "touchstone.samples.texts": [1.0]},
    "a sample's value that is a text": {"touchstone.samples.series": ["s"], "touchstone.samples.items": ["i"],
                                        "touchstone.samples.values": ["1"], "touchstone.samples.texts": ["x"]},
    "samples that are a text": {"touchstone.samples.series": "identity"},
    "an unknown stamp": {"touchstone.stamp": "sundial"},
    "a tick too old": {"touchstone.tick_ms": 1_000_000_000_000},
    "attributes too many": {f"x{n}": n for n in range(256)},
}  # fmt: skip


async def test_what_our_collector_rejects_is_no_observation_here_either(house: House) -> None:
    """The view never throws, which would hold up the exporter; the rows stay in its table, and are counted."""
    right = at(59)
    request = request_of([*(at(n) for n in range(len(WRONG))), right])
    for number, changes in enumerate(WRONG.values()):
        spoil(request, number, changes)
    assert [row.observation for row in taken(request)] == [right]

    house.insert(exported_rows(request))
    names = [*WRONG, "right"]
    assert [names[seq] for (seq,) in house.ask("SELECT seq FROM observations")] == ["right"]
    no_such_hour_yet = 1  # the tick too late
    found = await house.reconcile()
    assert (found.missing, found.doubled, found.unreadable) == (0, 0, len(WRONG) - no_such_hour_yet)


def spoil(request: ExportTraceServiceRequest, number: int, changes: Mapping[str, object]) -> None:
    """Change attributes of one span; None takes one away."""
    span = request.resource_spans[0].scope_spans[0].spans[number]
    kept = [pair for pair in span.attributes if pair.key not in changes]
    del span.attributes[:]
    span.attributes.extend(kept)
    for key, value in changes.items():
        if value is not None:
            span.attributes.add(key=key).value.CopyFrom(any_value(value))


def any_value(value: object) -> AnyValue:
    """As OTLP has it."""
    match value:
        case str():
            return AnyValue(string_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in value]))
    raise AssertionError(value)


async def test_spans_of_others_are_left_alone(house: House) -> None:
    """A table of traces holds anything; it makes no observation, and is not counted as one that cannot be read."""
    request = request_of([at(1)])
    span = request.resource_spans[0].scope_spans[0].spans[0]
    del span.attributes[:]
    span.attributes.add(key="http.request.method").value.CopyFrom(any_value("GET"))
    house.insert(exported_rows(request))

    assert house.rows() == []
    assert await house.reconcile() == Reconciled()


async def test_a_batch_that_the_exporter_sends_again_is_stored_once(house: House) -> None:
    """The same rows in one insert are the same block, however much later; the view's rows collapse with it."""
    for _ in range(2):
        house.export(closed_hour())
        await asyncio.sleep(0.01)

    assert house.ask("SELECT count() FROM otel_traces") == [(10,)]
    assert len(house.rows()) == 10


async def test_a_span_twice_in_one_insert_is_one_row(house: House) -> None:
    """An agent's batch that was sent again, and came into one batch of the exporter's."""
    rows = exported_rows(request_of(closed_hour()))
    house.insert([*rows, *rows[:4]])

    assert len(house.rows()) == 10


async def test_rows_that_a_lagging_view_left_out_are_there_after_reconciliation(house: House) -> None:
    """As after a kill between the table and its view; a second round finds nothing."""
    house.export(closed_hour())
    wanted = house.rows()
    house.sync.command(
        "DELETE FROM observations WHERE toMinute(tick) IN (3, 4, 7)", settings={"lightweight_deletes_sync": 2}
    )
    assert len(house.rows()) == 7

    assert await house.reconcile() == Reconciled(hours=1, missing=3)
    assert house.rows() == wanted
    assert (await house.reconcile()).missing == 0
    assert house.rows() == wanted


async def test_samples_that_a_lagging_view_left_out_are_there_after_reconciliation(house: House) -> None:
    """And those that came twice are known from when they first came."""
    sampled = [
        at(n, samples=(Sample("cache", "hit", n), Sample("cache", "hit", n), Sample("echo", "k"))) for n in range(4)
    ]
    house.export(sampled)
    first = house.ask("SELECT tick, n, at FROM integrity_samples FINAL ORDER BY tick, n")
    await asyncio.sleep(0.01)
    house.export([*sampled, at(30)])
    wanted = house.samples()
    assert len(wanted) == 12
    assert house.ask("SELECT tick, n, at FROM integrity_samples FINAL ORDER BY tick, n") == first

    house.sync.command(
        "DELETE FROM integrity_samples WHERE toMinute(tick) = 2 AND n > 0", settings={"lightweight_deletes_sync": 2}
    )
    assert await house.reconcile() == Reconciled(hours=1, doubled=4, samples=2)
    assert house.samples() == wanted
    assert (await house.reconcile()).samples == 0


async def test_doubled_rows_are_removed_and_the_first_stays(house: House) -> None:
    """Rows that came again in another batch: what was judged before an instant is what is judged again."""
    house.export(closed_hour())
    before = house.ask("SELECT tick, ingested_at FROM observations ORDER BY tick")
    await asyncio.sleep(0.01)
    for size in (10, 4):
        house.export([*closed_hour()[:size], at(30 + size)])
    assert len(house.rows()) == 26

    assert await house.reconcile() == Reconciled(hours=1, doubled=14)
    assert len(house.rows()) == 12
    assert house.ask("SELECT tick, ingested_at FROM observations WHERE toMinute(tick) < 30 ORDER BY tick") == before
    assert await house.reconcile() == Reconciled(hours=1)


async def test_two_copies_of_one_millisecond_become_one(house: House) -> None:
    """They cannot be told apart, so a third that can be stays in their place."""
    row = StoredRow(at(5), 9, 0, CLOSED + timedelta(minutes=6))
    for _ in range(3):
        await house.facts.insert_observations([row])
    wanted = house.rows()[:1]
    house.export([at(5)])

    assert await house.reconcile() == Reconciled(hours=1, doubled=3)
    assert house.rows() == wanted


async def test_rollups_of_an_hour_that_lost_doubles_are_made_again(house: House) -> None:
    """Nothing else would tell them: what is removed was not taken in."""
    house.export(closed_hour())
    await asyncio.sleep(0.01)
    house.export([*closed_hour(), at(40)])
    await house.rollups.recompute(CLOSED, CLOSED + HOUR)
    assert house.ask("SELECT sum(n) FROM rollup_hour FINAL") == [(21,)]

    await house.reconcile()
    assert house.ask("SELECT sum(n) FROM rollup_hour FINAL") == [(11,)]


async def test_the_hour_that_is_open_waits(house: House) -> None:
    """Its rows may still be on their way through the view."""
    house.export([seen(tick=datetime.now(UTC))])
    house.forget()

    assert await house.reconcile() == Reconciled()


async def test_rows_that_come_late_have_their_hour_reconciled_again(house: House) -> None:
    """An agent's spool that is emptied a day later."""
    assert await house.reconcile() == Reconciled()
    late = [replace(one, tick=one.tick - timedelta(days=1)) for one in closed_hour()]
    house.export(late)
    house.forget()

    assert await house.reconcile() == Reconciled(hours=1, missing=10)


async def test_what_is_settled_is_now_when_nothing_runs(house: House) -> None:
    """To the second; never later than now."""
    settled = await house.traces.settled()
    assert timedelta(0) <= datetime.now(UTC) - settled < timedelta(seconds=5)


async def test_the_view_is_brought_to_this_version_in_place(house: House) -> None:
    """Installed again over an older one, it reads as the new one does, and no row is lost in between."""
    house.sync.command("ALTER TABLE otel_traces_observations MODIFY QUERY SELECT Tick AS tick FROM otel_traces WHERE 0")
    house.export([at(1)])
    assert house.rows() == []
    install(house.store)
    house.export([at(2)])

    assert house.ask("SELECT toMinute(tick) FROM observations") == [(2,)]
    assert (await house.reconcile()).missing == 1


def test_a_cluster_has_its_view_on_the_rows_and_writes_by_provider(store_process: str) -> None:
    """The view reads a shard's own rows and writes to the table that deals them out; parsed by the real engine."""
    store = Store(embedded=None, cluster="fleet", otel_traces="otel_traces")
    told = definitions(store)
    with clickhouse_connect.get_client(**arguments(Store(url=store_process))) as client:
        for sql in told:
            assert client.query("SELECT formatQuery({sql:String})", parameters={"sql": sql}).result_rows

    assert all(" ON CLUSTER fleet" in sql for sql in told)
    view = next(sql for sql in told if sql.startswith("CREATE MATERIALIZED VIEW"))
    assert "TO touchstone.observations AS" in view and "FROM touchstone.otel_traces_local\n" in view
    assert any("Distributed('fleet', 'touchstone', 'otel_traces_local', cityHash64(TraceId))" in sql for sql in told)
    assert "ReplicatedMergeTree('/clickhouse/tables/{shard}/touchstone/otel_traces_local', '{replica}')" in told[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"), (True, "true"), (7, "7"), (7.0, "7"), (0.1, "0.1"), (1e-7, "1e-7"), (1.5e21, "1.5e+21"),
        (123456789.125, "123456789.125"), ([1.0, 2.5], "[1,2.5]"), (["a<b", 'c"'], '["a\\u003cb","c\\""]'),
    ],
)  # fmt: skip
def test_the_double_writes_values_as_the_exporter_does(value: object, text: str) -> None:
    """Texts as Go's encoding/json and strconv write them."""
    made = AnyValue(bool_value=value) if isinstance(value, bool) else any_value(value)
    assert as_text(made) == text
    assert not re.search(r"[<>&]", text)


def real_traffic() -> list[ClientSpan]:
    """By new names and old, failed, with events, and some that are no observation."""
    spans = [
        client_span(id="00f067aa0ba90201"),
        client_span(OLD, id="00f067aa0ba90202", events=(("first_token", START_NS + 125 * MS),)),
        client_span(
            dict(NEW) | {"http.response.status_code": 429, "error.type": "429"}, id="00f067aa0ba90203", failed=True
        ),
        client_span(dict(NEW) | {"gen_ai.request.model": "m-small"}, id="00f067aa0ba90204", resource={}),
        client_span(dict(NEW) | {"touchstone.target": "acme/west/chat"}, id="00f067aa0ba90205"),
        client_span(dict(NEW) | {"gen_ai.usage.input_tokens": -1}, id="00f067aa0ba90206"),
        client_span(dict(NEW) | {"server.address": "elsewhere.example"}, id="00f067aa0ba90207"),
        client_span(id="00f067aa0ba90208", resource={"service.name": "shop", "touchstone.simulated": True}),
    ]
    shift = int(CLOSED.timestamp() * 1000) * MS - START_NS
    return [
        replace(
            span, start_ns=span.start_ns + shift, end_ns=span.end_ns + shift,
            events=tuple((name, ns + shift) for name, ns in span.events),
        )
        for span in spans
    ]  # fmt: skip


class Passing:
    """The writer that the wiring makes, over the house's facts."""

    def __init__(self, facts: ClickHouse) -> None:
        self.stored_keys, self._insert = facts.stored_keys, facts.insert_observations

    async def insert_passive(self, observations: Sequence[Observation], ingested_at: datetime) -> None:
        """Store them."""
        await self._insert([StoredRow(one, 0, 0, ingested_at) for one in observations])


def door(house: House, decided: list[Observation]) -> Exported:
    """The collector's work on the exporter's table."""

    async def decide(observations: Sequence[Observation]) -> None:
        decided.extend(observations)

    return Exported(house.traces, Passing(house.facts), key_of, decide, SystemClock(), TARGETS)


async def test_real_traffic_is_stored_as_our_collector_would_store_it(house: House) -> None:
    """The same observations, by the same rule; once, however often it is looked for."""
    request = ExportTraceServiceRequest.FromString(body_of(*real_traffic()))
    reading = read_body(request.SerializeToString(), spans_max=100, targets=TARGETS)
    await house.facts.insert_observations([StoredRow(one.observation, 0, 0, NOW) for one in reading.received])
    wanted = house.rows()
    assert (len(wanted), reading.rejected) == (6, 2)

    house.forget()
    house.insert(exported_rows(request))
    assert house.rows() == []
    await asyncio.sleep(0.01)
    assert await door(house, []).take_passive() == {"taken": 6, "rejected": 2}
    assert house.rows() == wanted
    assert (await door(house, []).take_passive())["taken"] == 0
    assert house.rows() == wanted


async def test_what_comes_past_us_is_decided_on_once_a_round(house: House) -> None:
    """In the order of the ticks, doubles left out, with all that the judge reads; then only what is new."""
    decided: list[Observation] = []
    watching = door(house, decided)
    house.export(closed_hour()[5:])
    house.export([*closed_hour(), at(30, source=Source.PASSIVE, span="1f", module="passive")])
    await asyncio.sleep(0.01)
    await watching.decide_on_news()
    assert [(one.id, one.outcome, one.reason, one.started_at) for one in decided] == [
        (one.id, one.outcome, one.reason, one.started_at) for one in closed_hour()
    ]

    await watching.decide_on_news()
    assert len(decided) == 10
    house.export([at(50)])
    await asyncio.sleep(0.01)
    await watching.decide_on_news()
    assert [one.id for one in decided[10:]] == [at(50).id]


async def test_verdicts_wait_until_doubles_are_removed(house: House) -> None:
    """Up to the watermark every row is there once, in the hour that is open too."""
    watching = door(house, [])
    assert watching.watermark() is None
    rows = [seen(tick=datetime.now(UTC) - timedelta(seconds=n)) for n in range(5)]
    house.export(rows)
    house.export([*rows, at(3)])
    assert len(house.rows()) == 11
    await asyncio.sleep(0.01)
    await watching.sweep()

    assert len(house.rows()) == 6
    mark = watching.watermark()
    assert mark is not None and timedelta(0) <= datetime.now(UTC) - mark < timedelta(seconds=5)
    assert earlier(mark, NOW) == NOW and earlier(mark, None) is None
