"""The collector as a process: hostile bodies and queries get a clear answer, what is acknowledged is stored once."""

from __future__ import annotations

import gzip
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.support.batches import body_of_batch
from tests.support.client_spans import NEW, body_of, client_span
from tests.support.observations import seen
from tests.support.processes import Deployment, deployment, wait_for

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A store and a collector."""
    with deployment(tmp_path_factory.mktemp("house")) as made:
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:1/v1"},
            module={"kind": "chat_stream"},
            collector={
                "listen": f"127.0.0.1:{made.collector_port}",
                "state": str(made.folder / "state.db"),
                "judge_every": "1s",
                "spans_max": 100,
            },
        )
        made.start("store")
        made.start("collect")
        made.said("collect", "collector: http")
        yield made


def sent(house: Deployment, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of one request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://127.0.0.1:{house.collector_port}{path}", data=body, headers=named)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def traces(house: Deployment, body: bytes, encoding: str = "gzip") -> tuple[int, bytes, dict[str, str]]:
    """Send an OTLP body."""
    return sent(house, "/v1/traces", body, Content_Type="application/x-protobuf", Content_Encoding=encoding)


def message_of(answer: bytes) -> str:
    """What a refusal says."""
    error: dict[str, Any] = json.loads(answer)["error"]
    return f"{error.get('parameter', '')} {error['message']}"


def stored(house: Deployment, target: str) -> int:
    """How many rows of a target the store has."""
    client = clickhouse_connect.get_client(host="127.0.0.1", port=house.store_port, database="touchstone_test")
    try:
        rows = client.query(
            "SELECT count() FROM observations WHERE target = {t:String}", parameters={"t": target}
        ).result_rows
        return int(rows[0][0])
    finally:
        client.close()


def batch(target: str, *, rows: int = 3) -> bytes:
    """A good batch of one target."""
    return gzip.compress(body_of_batch(7, [seen(target, NOW + timedelta(seconds=n)) for n in range(rows)]))


HOSTILE: dict[str, tuple[bytes, str, int, str]] = {
    "random bytes": (os.urandom(5000), "identity", 400, "not an OTLP trace request"),
    "not gzip": (b"hello", "gzip", 400, "not gzip"),
    "cut gzip": (gzip.compress(b"x" * 10_000)[:40], "gzip", 400, "cut off"),
    "a gzip bomb": (gzip.compress(b"\0" * 200_000_000, 1), "gzip", 400, "unpacks to more than 16777216 bytes"),
    "an unknown encoding": (b"hello", "brotli", 400, "brotli"),
    "17 MiB": (b"x" * 17 * 2**20, "identity", 413, "larger than 16777216 bytes"),
    "too many spans": (batch("acme/east/many", rows=101), "gzip", 400, "101 spans; at most 100"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_by_name_and_stores_nothing(name: str, house: Deployment) -> None:
    """Nothing is half-written, and the collector lives on."""
    body, encoding, status, words = HOSTILE[name]
    code, answer, _ = traces(house, body, encoding)

    assert (code, words in message_of(answer)) == (status, True), answer
    assert stored(house, "acme/east/many") == 0
    assert house.running("collect")
    assert sent(house, "/healthz")[0] == 200


RAW: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x00\xff\r\n\r\n",
    "a query of 100 kB": b"GET /api/v1/incidents?limit=" + b"9" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a negative length": b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "headers of 100 kB": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_request_gets_400_with_the_reason(name: str, house: Deployment) -> None:
    """Before any of our own code sees it."""
    with socket.create_connection(("127.0.0.1", house.collector_port), timeout=10) as connection:
        connection.sendall(RAW[name])
        head, _, said = connection.recv(65_536).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.0 400 ")
    assert said
    assert house.running("collect")


def test_a_body_that_its_sender_cuts_off_stores_nothing(house: Deployment) -> None:
    """As when an agent dies in the middle of a batch."""
    body = batch("acme/east/cut")
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", house.collector_port), timeout=10) as connection:
        connection.sendall(f"{head}\r\nContent-Encoding: gzip\r\n\r\n".encode() + body[:-10])

    assert sent(house, "/healthz")[0] == 200
    assert stored(house, "acme/east/cut") == 0
    assert traces(house, body)[0] == 200
    assert stored(house, "acme/east/cut") == 3


def test_a_batch_that_came_without_the_one_before_it_is_refused(house: Deployment) -> None:
    """With a status of its own, so that its sender knows what to send first; then it is taken."""
    kind = {"Content_Type": "application/x-protobuf", "Content_Encoding": "gzip"}
    first, second = batch("acme/east/first"), batch("acme/east/second")
    early, said, _ = sent(house, "/v1/traces", second, **kind, touchstone_batch="9002", touchstone_after="9001")
    assert (early, message_of(said)) == (425, " batch 9001 must be taken first, and has not come")
    assert stored(house, "acme/east/second") == 0

    assert sent(house, "/v1/traces", first, **kind, touchstone_batch="9001")[0] == 200
    assert sent(house, "/v1/traces", second, **kind, touchstone_batch="9002", touchstone_after="9001")[0] == 200
    assert stored(house, "acme/east/second") == 3
    code, said, _ = sent(house, "/v1/traces", first, **kind, touchstone_after="none")
    assert (code, message_of(said)) == (400, " touchstone-after: 'none' is no batch")


def test_another_content_type_is_refused(house: Deployment) -> None:
    """JSON is not taken, and the answer says what is."""
    code, answer, _ = sent(house, "/v1/traces", b"{}", Content_Type="application/json")

    assert code == 415
    assert "application/x-protobuf" in message_of(answer)


WRONG: dict[str, AnyValue] = {
    "touchstone.target": AnyValue(int_value=7),
    "touchstone.tick_ms": AnyValue(string_value="now"),
    "touchstone.attempt": AnyValue(int_value=-1),
    "touchstone.outcome": AnyValue(string_value="splendid"),
    "touchstone.loop_lag_ms": AnyValue(double_value=float("nan")),
    "touchstone.simulated": AnyValue(string_value="no"),
    "touchstone.seq": AnyValue(bytes_value=b"\xff"),
}


@pytest.mark.parametrize("attribute", WRONG)
def test_a_span_that_is_no_observation_is_named_and_the_others_are_stored(attribute: str, house: Deployment) -> None:
    """OTLP's partial success."""
    target = f"acme/east/{attribute}"
    request = ExportTraceServiceRequest()
    request.ParseFromString(gzip.decompress(batch(target)))
    for pair in request.resource_spans[0].scope_spans[0].spans[1].attributes:
        if pair.key == attribute:
            pair.value.CopyFrom(WRONG[attribute])
    code, answer, _ = traces(house, request.SerializeToString(), "identity")
    partial = ExportTraceServiceResponse.FromString(answer).partial_success

    assert (code, partial.rejected_spans) == (200, 1)
    assert "span 1 " in partial.error_message
    assert f"attribute {attribute}: " in partial.error_message
    assert stored(house, target) == 2


def test_the_same_batch_many_times_at_once_is_stored_once(house: Deployment) -> None:
    """As when an answer is lost and the agent sends again."""
    body = batch("acme/east/again")
    assert [traces(house, batch("acme/east/twice"))[0] for _ in range(2)] == [200, 200]
    assert stored(house, "acme/east/twice") == 3
    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(lambda _: traces(house, body)[0], range(16)))

    assert codes == [200] * 16
    assert stored(house, "acme/east/again") == 3


QUERIES: dict[str, tuple[str, int, str]] = {
    "a limit that is no number": ("/api/v1/incidents?limit=many", 400, "limit 'many'"),
    "a limit out of range": ("/api/v1/incidents?limit=100000", 400, "limit"),
    "a limit twice": ("/api/v1/incidents?limit=5&limit=6", 400, "limit is given more than once"),
    "a parameter of another name": ("/api/v1/incidents?limt=5", 400, "limt is no parameter"),
    "an instant where none is taken": ("/api/v1/verdicts?at=yesterday", 400, "at is no parameter"),
    "an instant that cannot be": ("/api/v1/verdicts/acme?at=0001-01-01T00:00:00Z", 400, "1971"),
    "an instant without offset": ("/api/v1/verdicts/acme?at=2026-01-01T00:00:00", 400, "at "),
    "no instant at all": ("/api/v1/verdicts/acme?at=yesterday", 400, "ISO 8601"),
    "a name that cannot be": ("/api/v1/verdicts/%27%3B%20DROP%20TABLE", 400, "provider"),
    "an enormous query": ("/api/v1/incidents?limit=" + "9" * 5000, 400, "limit"),
    "nobody": ("/api/v1/verdicts/nobody", 404, "no verdict on 'nobody'"),
    "no such path": ("/api/v2/everything", 404, "/api/v2/everything"),
    "another method": ("/v1/traces", 405, "GET /v1/traces"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_bad_query_is_refused_by_name(name: str, house: Deployment) -> None:
    """JSON that says what was wrong and where."""
    path, status, words = QUERIES[name]
    code, answer, _ = sent(house, path)

    assert (code, words in message_of(answer)) == (status, True), answer


def test_the_api_shows_verdicts_and_incidents(house: Deployment) -> None:
    """Once the first have been given."""
    wait_for("a verdict", lambda: json.loads(sent(house, "/api/v1/verdicts")[1]), timeout_s=70)
    code, answer, _ = sent(house, "/api/v1/verdicts/acme")

    assert code == 200
    assert json.loads(answer)["tier"] == "unrated"
    assert json.loads(sent(house, "/api/v1/verdicts/acme?at=2199-01-01T00:00:00Z")[1])["provider"] == "acme"
    assert sent(house, "/api/v1/verdicts/acme?at=2000-01-01T00:00:00Z")[0] == 404
    assert json.loads(sent(house, "/api/v1/incidents?limit=5")[1]) == []
    assert (sent(house, "/healthz")[0], sent(house, "/readyz")[0]) == (200, 200)


def test_while_the_store_is_away_nothing_is_acknowledged_and_afterwards_it_is_stored_once(tmp_path: Path) -> None:
    """503 with Retry-After; the same batch again is taken."""
    with deployment(tmp_path) as house:
        house.write(target={"model": "m", "url": "http://127.0.0.1:1/v1"}, module={"kind": "chat_stream"})
        house.start("store")
        house.start("collect")
        house.said("collect", "collector: http")
        body = batch("acme/east/chat")
        house.kill("store")
        code, answer, headers = traces(house, body)
        health = [sent(house, path)[0] for path in ("/healthz", "/readyz", "/api/v1/verdicts")]
        house.start("store")
        wait_for("the store again", lambda: traces(house, body)[0] == 200, timeout_s=30)

        assert (code, health) == (503, [200, 503, 503])
        assert headers["Retry-After"] == "1"
        assert "connection refused" in message_of(answer)
        assert traces(house, body)[0] == 200
        assert stored(house, "acme/east/chat") == 3
        assert sent(house, "/readyz")[0] == 200


def test_real_traffic_is_taken_in_beside_ours_and_read_back(house: Deployment) -> None:
    """What is of an unknown target is said by name in the answer, and counted; both sides can be read."""
    now = datetime.now(UTC) - timedelta(minutes=2)
    stamp = int(now.timestamp()) * 1_000_000_000
    plain = {name: value for name, value in NEW.items() if not name.startswith(("server.", "gen_ai.request.model"))}
    good = [
        client_span(
            plain | {"touchstone.target": "acme/east/chat"},
            id=f"{n + 1:016x}",
            start_ns=stamp + n,
            end_ns=stamp + 5 * 10**8,
        )
        for n in range(3)
    ]
    lost = client_span(plain | {"server.address": "elsewhere.example"})
    status, answer, _ = traces(house, body_of(*good, lost), "")
    traces(house, body_of(*good), "")
    said = ExportTraceServiceResponse.FromString(answer).partial_success
    counts = json.loads(sent(house, "/api/v1/ingest")[1])
    status_beside, body, _ = sent(house, "/api/v1/beside/acme?days=1")
    beside = json.loads(body)

    assert (status, said.rejected_spans) == (200, 1)
    assert "no target of the fleet is at elsewhere.example" in said.error_message
    assert counts["taken"]["passive"] == 6
    assert counts["rejected"]["unknown_target"] == 1
    assert status_beside == 200
    (line,) = [one for one in beside["lines"] if one["source"] == "passive" and one["name"] == "acme"]
    assert (line["n"], line["n_failed"], line["ttft"]["n"]) == (3, 0, 3)
    assert (beside["reasons"], beside["standard"]) == ([], {"failures": None, "first_token": None})


@pytest.mark.parametrize("query", ["days=0", "days=91", "days=x", "day=1"])
def test_a_window_that_cannot_be_is_refused(house: Deployment, query: str) -> None:
    """With the parameter's name."""
    status, body, _ = sent(house, f"/api/v1/beside/acme?{query}")

    assert status == 400
    assert query.split("=")[0] in message_of(body)
