"""Whatever is sent to the collector: a clear answer, bounded memory, and other clients are served meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import clickhouse_connect
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from schemas.observation import Timings
from tests.support.batches import body_of_batch
from tests.support.observations import seen
from tests.support.processes import Deployment, deployment

pytestmark = pytest.mark.slow
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
TOKEN, OLD = "the-token-of-the-tests", "the-token-before-it"
MIB = 1024 * 1024
PEAK_MAX_MIB = 350  # of the whole process, while every bad one comes; what it reads in late is among it


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A store and a collector that asks for a token."""
    with deployment(tmp_path_factory.mktemp("house")) as made:
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:1/v1"},
            module={"kind": "chat_stream"},
            collector={
                "listen": f"127.0.0.1:{made.collector_port}",
                "state": str(made.folder / "state.db"),
                "tokens": {"new": {"secret": TOKEN}, "old": {"secret": OLD}},
            },
        )
        made.start("store")
        made.start("collect")
        made.said("collect", "collector: http")
        yield made


def sent(
    house: Deployment, body: bytes | None, path: str = "/v1/traces", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of one request."""
    named = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {TOKEN}"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    named = {name: value for name, value in named.items() if value}
    request = urllib.request.Request(f"http://127.0.0.1:{house.collector_port}{path}", data=body, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def said_in(answer: bytes) -> str:
    """The message of a refusal."""
    message: str = json.loads(answer)["error"]["message"]
    return message


def stored(house: Deployment, where: str) -> int:
    """How many rows fulfil a condition."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=house.store_port, database="touchstone_test")
    try:
        return int(client.query(f"SELECT count() FROM observations WHERE {where}").result_rows[0][0])
    finally:
        client.close()


def resident_mib(house: Deployment) -> float:
    """The collector's resident memory now, or at its highest."""
    return _status_mib(house.pid("collect"), "VmRSS")


def peak_mib(house: Deployment) -> float:
    """Its highest since the peak was last forgotten."""
    return _status_mib(house.pid("collect"), "VmHWM")


def forget_peak(house: Deployment) -> None:
    """Count the highest from now on."""
    Path(f"/proc/{house.pid('collect')}/clear_refs").write_text("5")


def _status_mib(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(name)


@pytest.mark.parametrize("path", ["/v1/traces", "/api/v1/verdicts", "/api/v1/ingest", "/api/v2/nothing"])
@pytest.mark.parametrize(
    ("shown", "says"),
    [
        ("", "no token"),
        ("Bearer wrong-wrong-wrong-wrong", "none of collector.tokens"),
        (f"Basic {TOKEN}", "Bearer TOKEN"),
    ],
)
def test_without_a_token_nothing_is_taken_and_nothing_is_shown(
    house: Deployment, path: str, shown: str, says: str
) -> None:
    """401 with a challenge and the reason, in whatever one asks; the secret is in no answer and no log."""
    body = body_of_batch(1, [seen("acme/east/uninvited", NOW)]) if path == "/v1/traces" else None
    code, answer, headers = sent(house, body, path, Authorization=shown)

    assert (code, headers["WWW-Authenticate"]) == (401, 'Bearer realm="touchstone"')
    assert says in said_in(answer)
    assert stored(house, "target = 'acme/east/uninvited'") == 0
    assert TOKEN not in house.log("collect") + answer.decode()


def test_every_token_is_taken_and_health_asks_for_none(house: Deployment) -> None:
    """The old one and the new one, while the agents are moved; a load balancer has none."""
    for number, token in enumerate((OLD, TOKEN)):
        body = body_of_batch(1, [seen("acme/east/invited", NOW + timedelta(seconds=number))])
        assert sent(house, body, Authorization=f"Bearer {token}")[0] == 200

    assert stored(house, "target = 'acme/east/invited'") == 2
    assert [sent(house, None, path, Authorization="")[0] for path in ("/healthz", "/readyz")] == [200, 200]


def many_attributes() -> bytes:
    """A good span, with 10,000 attributes beside its own."""
    request = ExportTraceServiceRequest.FromString(body_of_batch(1, [seen("acme/east/many", NOW)]))
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.extend(KeyValue(key=f"a{n}", value=AnyValue(int_value=n)) for n in range(10_000))
    return request.SerializeToString()


def large_span() -> bytes:
    """A good span, and two megabytes of text in an attribute of it."""
    request = ExportTraceServiceRequest.FromString(body_of_batch(1, [seen("acme/east/large", NOW)]))
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="text", value=AnyValue(string_value="x" * 2 * MIB))
    return request.SerializeToString()


def at(target: str, tick: datetime, **changes: datetime) -> bytes:
    """One observation of another time."""
    return body_of_batch(1, [seen(target, tick, **changes)])


PARTIAL: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "10,000 attributes": (many_attributes, "too_large", "at most 256"),
    "a span of two megabytes": (large_span, "too_large", "at most 1048576"),
    "1970": (lambda: at("acme/east/old", datetime(1970, 1, 2, tzinfo=UTC)), "too_old", "would not be kept"),
    "200 days ago": (lambda: at("acme/east/old", NOW - timedelta(days=200)), "too_old", "would not be kept"),
    "2100": (lambda: at("acme/east/new", datetime(2100, 1, 1, tzinfo=UTC)), "in_the_future", "it is of after"),
    "in two days": (lambda: at("acme/east/new", NOW + timedelta(days=2)), "in_the_future", "it is of after"),
    "begun in 1970": (
        lambda: at("acme/east/begun", NOW, started_at=datetime(1970, 1, 2, tzinfo=UTC)), "too_old", "not be kept",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTIAL)
def test_a_span_that_is_out_of_bounds_is_named_and_not_stored(house: Deployment, name: str) -> None:
    """OTLP's partial success, counted by name; a good span in the same body is stored."""
    build, why, words = PARTIAL[name]
    before = json.loads(sent(house, None, "/api/v1/ingest")[1])["rejected"].get(why, 0)
    good = body_of_batch(1, [seen("acme/east/beside", NOW)])
    code, answer, _ = sent(house, build() + good)  # two requests behind one another are one
    partial = ExportTraceServiceResponse.FromString(answer).partial_success

    assert (code, partial.rejected_spans) == (200, 1)
    assert words in partial.error_message
    assert json.loads(sent(house, None, "/api/v1/ingest")[1])["rejected"][why] == before + 1
    assert stored(house, "target IN ('acme/east/many', 'acme/east/large', 'acme/east/old', 'acme/east/new', "
                         "'acme/east/begun')") == 0  # fmt: skip
    assert stored(house, "target = 'acme/east/beside'") == 1


def test_a_day_of_yesterday_and_one_of_tomorrow_are_stored(house: Deployment) -> None:
    """Late is not too late: half a year back, and the clock of an agent that is ahead by hours."""
    ticks = [NOW - timedelta(days=179), NOW - timedelta(days=1), NOW, NOW + timedelta(hours=20)]
    code, answer, _ = sent(house, body_of_batch(1, [seen("acme/east/late", tick) for tick in ticks]))

    assert (code, ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans) == (200, 0)
    assert stored(house, "target = 'acme/east/late'") == 4


def test_a_batch_of_very_many_days_is_stored_whole(house: Deployment) -> None:
    """A part for each day: more partitions than ClickHouse takes in one insert."""
    observations = [seen("acme/east/days", NOW - timedelta(days=day)) for day in range(170)]
    code, _, _ = sent(house, body_of_batch(1, observations))

    assert code == 200
    assert stored(house, "target = 'acme/east/days'") == 170


def empty_messages(field: bytes) -> bytes:
    """Sixteen megabytes of messages of two bytes: as objects they would be a gigabyte."""
    return field * (8 * MIB - 8)


BOMBS: dict[str, tuple[Callable[[], bytes], str, int]] = {
    "100 MB": (lambda: b"\0" * 100 * MIB, "", 413),
    "a gzip bomb of a gigabyte": (lambda: gzip.compress(gzip.compress(b"\0" * 1024 * MIB, 9), 9), "gzip", 400),
    "a gzip bomb": (lambda: gzip.compress(b"\0" * 300 * MIB, 1), "gzip", 400),
    "eight million empty resources": (lambda: empty_messages(b"\x0a\x00"), "", 400),
    "eight million fields nobody knows": (lambda: empty_messages(b"\x7a\x00"), "", 400),
    "eight million empty spans": (lambda: wrapped(empty_messages(b"\x12\x00")), "", 400),
    "half a million empty attributes": (lambda: wrapped(b"\x12" + sized(b"\x4a\x00" * 500_000)), "", 200),
    "a quarter of a million numbers": (lambda: wrapped(b"\x12" + sized(numbers())), "", 200),
    "random bytes": (lambda: os.urandom(15 * MIB), "", 400),
}


def wrapped(spans: bytes) -> bytes:
    """Spans in a scope in a resource."""
    return b"\x0a" + sized(b"\x12" + sized(spans))


def sized(content: bytes) -> bytes:
    """*content* with its length before it."""
    size, head = len(content), bytearray()
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*head, size)) + content


def numbers() -> bytes:
    """A span with an array of empty values."""
    values = b"\x0a\x00" * 250_000
    return b"\x4a" + sized(b"\x0a" + sized(b"touchstone.arrivals_ms") + b"\x12" + sized(b"\x2a" + sized(values)))


async def test_bombs_cost_bounded_memory_and_harm_no_other_client(house: Deployment) -> None:
    """Each is refused or rejected by name; a good client sends all the while, and no batch of its waits for long."""
    assert sent(house, body_of_batch(1, [seen("acme/east/first", NOW)]))[0] == 200
    before_mib = resident_mib(house)
    forget_peak(house)
    bombs = {name: (build(), encoding, status) for name, (build, encoding, status) in BOMBS.items()}
    done, waits_s = asyncio.Event(), []

    async def good_client(session: aiohttp.ClientSession) -> int:
        number = 0
        while not done.is_set():
            body = body_of_batch(2, [seen("acme/east/good", NOW + timedelta(seconds=number))])
            began = time.monotonic()
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 200, await answer.text()
            waits_s.append(time.monotonic() - began)
            number += 1
            await asyncio.sleep(0.05)
        return number

    async def bad_client(session: aiohttp.ClientSession, name: str) -> None:
        body, encoding, status = bombs[name]
        try:
            async with session.post(
                url, data=body, headers=headers | {"Content-Encoding": encoding or "identity"}
            ) as answer:
                assert answer.status in {status, 429}, (name, answer.status, await answer.text())
        except (aiohttp.ClientConnectionError, ConnectionError):  # it answers, and does not wait for the rest of 100 MB
            assert len(body) > 16 * MIB

    url = f"http://127.0.0.1:{house.collector_port}/v1/traces"
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession() as session, aiohttp.ClientSession() as other:
        good = asyncio.create_task(good_client(session))
        for name in bombs:
            await bad_client(other, name)
        await asyncio.gather(*(bad_client(other, name) for name in bombs))
        done.set()
        sent_good = await good

    grown_mib = peak_mib(house) - before_mib
    print(
        f"peak {peak_mib(house):.0f} MiB, {grown_mib:.0f} MiB more; longest wait {max(waits_s):.2f} s of {len(waits_s)}"
    )
    assert peak_mib(house) < PEAK_MAX_MIB
    assert max(waits_s) < 15
    assert stored(house, "target = 'acme/east/good'") == sent_good > 5


async def test_slow_senders_are_ended_and_take_nobodys_place(house: Deployment) -> None:
    """A hundred that send a byte and stop: others are served at once, and after half a minute they are told 408."""
    body = body_of_batch(3, [seen("acme/east/slow", NOW)])
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    slow = []
    for _ in range(100):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.collector_port)
        writer.write(head + body[:10])
        slow.append((reader, writer))
    began = time.monotonic()
    code, _, _ = await asyncio.to_thread(sent, house, body)
    served_s = time.monotonic() - began
    lines = await asyncio.wait_for(asyncio.gather(*(reader.readline() for reader, _ in slow)), timeout=60)
    took_s = time.monotonic() - began
    for _, writer in slow:
        writer.close()

    assert (code, served_s < 5) == (200, True)
    assert {line.split()[1] for line in lines} == {b"408"}
    assert 25 < took_s < 50
    assert stored(house, "target = 'acme/east/slow'") == 1


GOOD = body_of_batch(9, [seen("acme/east/fuzzed", NOW, timings=Timings(total_ms=5.0, arrivals_ms=(1.0, 2.0)))])
CHANGES = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, cut=st.integers(0, 40), doubled=st.booleans())
def test_nearly_right_bodies_get_200_or_400_and_nothing_else(
    house: Deployment, changes: list[tuple[int, int]], cut: int, doubled: bool
) -> None:
    """Valid requests with bytes changed, cut or twice, over real HTTP."""
    body = bytearray(GOOD * (1 + doubled))
    for where, value in changes:
        body[where] = value
    code, answer, _ = sent(house, bytes(body[: len(body) - cut]))

    assert code in {200, 400}, answer
    if code == 400:
        assert said_in(answer)
    else:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
        assert bool(partial.rejected_spans) == bool(partial.error_message)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=3000), encoding=st.sampled_from(["", "gzip", "deflate", "identity"]))
def test_random_bytes_get_200_or_400(house: Deployment, body: bytes, encoding: str) -> None:
    """Any bytes under any encoding; what is no request to us stores nothing."""
    code, answer, _ = sent(house, body, Content_Encoding=encoding)

    assert code in {200, 400}, answer


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(pair.key for pair in Span.FromString(
        ExportTraceServiceRequest.FromString(GOOD).resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    ).attributes)),
    value=st.one_of(
        st.integers(-(2**63), 2**63 - 1).map(lambda n: AnyValue(int_value=n)),
        st.floats().map(lambda x: AnyValue(double_value=x)),
        st.text(max_size=2000).map(lambda text: AnyValue(string_value=text)),
        st.binary(max_size=50).map(lambda raw: AnyValue(bytes_value=raw)),
        st.booleans().map(lambda truth: AnyValue(bool_value=truth)),
    ),
)  # fmt: skip
def test_an_attribute_of_any_type_is_stored_or_rejected_by_name(house: Deployment, name: str, value: AnyValue) -> None:
    """Wrong types, infinite numbers, long texts: one span, one answer, and the collector lives on."""
    request = ExportTraceServiceRequest.FromString(GOOD)
    for pair in request.resource_spans[0].scope_spans[0].spans[0].attributes:
        if pair.key == name:
            pair.value.CopyFrom(value)
    code, answer, _ = sent(house, request.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer).partial_success

    assert code == 200, answer
    assert partial.rejected_spans in {0, 1}


async def chunked(body: bytes) -> AsyncIterator[bytes]:
    """A body without a length."""
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]


async def test_a_body_without_a_length_is_bounded_as_it_comes(house: Deployment) -> None:
    """Chunked, as some clients send: taken when it is small enough, 413 as soon as it is not."""
    url = f"http://127.0.0.1:{house.collector_port}/v1/traces"
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {TOKEN}"}
    good = body_of_batch(4, [seen("acme/east/chunked", NOW)])
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=chunked(good), headers=headers) as answer:
            assert answer.status == 200
        try:
            async with session.post(url, data=chunked(b"x" * 40 * MIB), headers=headers) as answer:
                assert answer.status == 413
        except (aiohttp.ClientConnectionError, ConnectionError):
            pass  # it has answered, and closed while the rest was being sent
    assert stored(house, "target = 'acme/east/chunked'") == 1
