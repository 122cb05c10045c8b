"""The embedded store speaks ClickHouse's HTTP protocol to an unmodified client, and holds what it acknowledged."""

from __future__ import annotations

import asyncio
import gzip
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import clickhouse_connect
import pandas as pd
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from collector.storage.connection import arguments
from collector.storage.embedded_server import serve
from schemas.config import Store
from schemas.errors import StoreUnavailable
from tests.support.own_store import own_store

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = [(1, "one", 1.5, NOON), (2, "zwei ✓", None, NOON)]
COLUMNS = ["id", "word", "share", "at"]


@pytest.fixture
def client(store: Store) -> Iterator[Any]:
    """An unmodified client of the session's store, in a database of the test's own, with one table `t`."""
    opened = clickhouse_connect.get_client(**arguments(store), database=store.database)
    opened.command("CREATE TABLE t (id UInt32, word String, share Nullable(Float64), at DateTime('UTC')) ORDER BY id")
    yield opened
    opened.close()


def rows_of(client: Any) -> list[tuple[Any, ...]]:
    """What the table holds."""
    answer = client.query("SELECT * FROM t ORDER BY id", column_tzs={"at": "UTC"}, tz_mode="aware")
    return [tuple(row) for row in answer.result_rows]


def test_the_client_opens_pings_and_asks(client: Any) -> None:
    """Its own handshake included."""
    assert client.ping()
    assert client.server_version.startswith("2")
    assert client.command("SELECT 1") == 1
    assert client.query("SELECT number FROM numbers(3)").result_rows == [(0,), (1,), (2,)]


def test_parameters_are_bound_by_the_server(client: Any) -> None:
    """Quotes, newlines and other alphabets come back as they went."""
    text = "it's \"\\ \n ✓ {x:String} ; DROP TABLE t"
    sql = "SELECT {text:String}, {number:Int64}, {words:Array(String)}"
    (row,) = client.query(sql, parameters={"text": text, "number": -5, "words": ["a'b", "c"]}).result_rows

    assert tuple(row) == (text, -5, ["a'b", "c"])


def test_parameters_too_long_for_an_address_are_bound_as_well(client: Any) -> None:
    """The client sends them as a form then: the targets of a large fleet."""
    words = [f"it's provider-{number}/cluster/chat ✓" for number in range(5_000)]
    (row,) = client.query("SELECT {words:Array(String)}, {n:Int64}", parameters={"words": words, "n": 3}).result_rows

    assert tuple(row) == (words, 3)


def test_rows_arrow_and_frames_go_in_and_come_out(client: Any) -> None:
    """The client's three ways of inserting, and of asking."""
    client.insert("t", ROWS, column_names=COLUMNS)
    assert rows_of(client) == ROWS

    client.insert_arrow("t", pa.table({"id": [3], "word": ["three"], "share": [0.5], "at": [NOON]}))
    client.insert_df("t", pd.DataFrame({"id": [4], "word": ["four"], "share": [None], "at": [NOON]}))

    assert [row[0] for row in rows_of(client)] == [1, 2, 3, 4]
    assert client.query_arrow("SELECT id FROM t ORDER BY id").to_pydict() == {"id": [1, 2, 3, 4]}
    assert list(client.query_df("SELECT word FROM t WHERE id > 2 ORDER BY id")["word"]) == ["three", "four"]


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip"])
def test_what_the_client_compresses_is_understood(store: Store, client: Any, compress: str) -> None:
    """A large insert in every encoding that it knows."""
    packing = clickhouse_connect.get_client(
        **arguments(store) | {"compress": compress, "database": store.database, "client_name": "packing"}
    )
    packing.insert("t", [(number, "x" * 50, None, NOON) for number in range(20_000)], column_names=COLUMNS)
    packing.close()

    assert client.command("SELECT uniqExact(id), sum(id) FROM t") == ["20000", str(sum(range(20_000)))]


async def test_the_asynchronous_client_works_as_well(store: Store) -> None:
    """Several questions at once."""
    client = await clickhouse_connect.get_async_client(**arguments(store))
    answers = await asyncio.gather(*(client.query(f"SELECT {number}, sleep(0.05)") for number in range(12)))
    await client.close()

    assert [answer.result_rows[0][0] for answer in answers] == list(range(12))


def test_a_setting_holds_for_its_own_query_only(client: Any) -> None:
    """Handles are shared, settings are not."""
    sql = "SELECT getSetting('max_block_size')"
    before = client.query(sql).result_rows[0][0]
    assert client.query(sql, settings={"max_block_size": 1234}).result_rows[0][0] == 1234

    assert {client.query(sql).result_rows[0][0] for _ in range(12)} == {before}


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELEKT 1", 62),
        ("SELECT * FROM nothing", 60),
        ("SELECT nothing FROM t", 47),
        ("SELECT * FROM nowhere.t", 81),
        ("SELECT throwIf(1)", 395),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115),
        ("INSERT INTO t (id) VALUES ('x')", 6),
        ("SELECT sleep(3) SETTINGS max_execution_time = 0.1", 159),
    ],
)
def test_errors_have_clickhouses_codes(client: Any, sql: str, code: int) -> None:
    """And the store goes on."""
    with pytest.raises(DatabaseError) as caught:
        client.command(sql)

    assert caught.value.code == code
    assert client.command("SELECT 1") == 1


def test_an_insert_that_fails_inserts_nothing(client: Any) -> None:
    """Half a block is no block."""
    with pytest.raises(DatabaseError):
        client.raw_insert("t", COLUMNS, b"1\tone\t1.5\t2026-01-01 00:00:00\nx\ty\tz\tq\n", fmt="TabSeparated")

    assert rows_of(client) == []


def asked(
    url: str, body: bytes | None = b"SELECT 1", *, path: str = "/", method: str = "POST", **headers: str
) -> tuple[int, str, bytes]:
    """Status, exception code and body of one plain HTTP request."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url + path, data=body, headers=names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, "", answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("X-ClickHouse-Exception-Code", ""), error.read()


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"body": b"SELECT 1"}, 200, ""),
        ({"body": None, "path": "/ping", "method": "GET"}, 200, ""),
        ({"body": None, "path": "/?query=SELECT%201", "method": "GET"}, 200, ""),
        ({"body": b"", "path": "/"}, 200, ""),
        ({"body": gzip.compress(b"SELECT 1"), "Content_Encoding": "gzip"}, 200, ""),
        ({"body": gzip.compress(b"SELECT ") + gzip.compress(b"1"), "Content_Encoding": "gzip"}, 200, ""),
        ({"body": b"SELECT 1", "Content_Encoding": "gzip"}, 400, "33"),
        ({"body": b"SELECT 1", "Content_Encoding": "lz4"}, 400, "33"),
        ({"body": b"SELECT 1", "Content_Encoding": "zstd"}, 400, "33"),
        ({"body": gzip.compress(b"SELECT 1")[:-4], "Content_Encoding": "gzip"}, 400, "33"),
        ({"body": b"SELECT 1", "Content_Encoding": "rot13"}, 501, "48"),
        ({"body": b"SELECT '\xff\xfe'"}, 400, "62"),
        ({"body": b"\xff\xfe\xfd"}, 400, "62"),
        ({"body": b"SELECT 1", "path": "/?no_such_setting=1"}, 404, "115"),
        ({"body": b"SELECT 1", "path": "/?a;b=1"}, 404, "115"),
        ({"body": b"SELECT 1", "path": "/?max_threads=many"}, 400, "27"),
        ({"body": b"SELECT 1", "path": "/?database=nowhere"}, 404, "81"),
        ({"body": b"SELECT 1", "path": "/play"}, 404, "1000"),
        ({"body": b"SELECT 1", "method": "PUT"}, 501, "48"),
        ({"body": b"SELECT * FROM nothing"}, 404, "60"),
    ],
)
def test_every_request_gets_a_clean_status(
    store_process: str, request_: dict[str, Any], status: int, code: str
) -> None:
    """A body that is not UTF-8, not what its encoding says, for nobody: an error with its code, and no half answer."""
    found = asked(store_process, **request_)

    assert found[:2] == (status, code), found
    assert asked(store_process) == (200, "", b"1\n")


def test_binary_data_may_follow_an_insert_in_the_same_body(client: Any, store: Store) -> None:
    """As `curl --data-binary` sends it."""
    values = struct.pack("<I", 7) + b"\x03\xff\xfe!" + b"\x01" + struct.pack("<I", 0)
    body = f"INSERT INTO {store.database}.t FORMAT RowBinary\n".encode() + values

    assert asked(store.url, body)[0] == 200
    assert client.command("SELECT hex(word) FROM t WHERE id = 7") == "FFFE21"


def run_store(folder: Path, listen: str = "127.0.0.1:0") -> subprocess.CompletedProcess[str]:
    """`touchstone store` on *folder*, which is expected to end by itself."""
    command = [sys.executable, "-m", "touchstone", "store", "--listen", listen, "--path", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=ROOT, check=False)


def test_a_folder_has_one_holder_and_the_second_is_told_who(tmp_path: Path) -> None:
    """Exit 3 with the process that holds it; when that is killed, no lock is left behind."""
    with own_store(tmp_path) as first:
        refused = run_store(tmp_path)
        assert refused.returncode == 3
        assert f"{tmp_path} is held by the process {first.process.pid}" in " ".join(refused.stderr.split())
        assert "Traceback" not in refused.stderr
        first.kill()
        with own_store(tmp_path) as second:
            assert asked(second.url) == (200, "", b"1\n")


def test_beyond_loopback_a_password_is_needed(tmp_path: Path) -> None:
    """Refused before anything is opened."""
    refused = run_store(tmp_path / "store", "0.0.0.0:0")

    assert refused.returncode == 3
    assert "refusing to listen on 0.0.0.0 without a password" in " ".join(refused.stderr.split())
    assert not (tmp_path / "store").exists()


async def test_a_port_that_is_taken_is_unavailable(store_process: str, tmp_path: Path) -> None:
    """Said in one sentence."""
    port = int(store_process.rpartition(":")[2])
    with pytest.raises(StoreUnavailable, match=f"cannot listen on 127.0.0.1:{port}"):
        await serve(tmp_path, host="127.0.0.1", port=port, stop=asyncio.Event(), ready=lambda host, port: None)


def test_a_wrong_password_is_refused_in_every_form(tmp_path: Path) -> None:
    """By the client and by hand; the right one is let in; ping needs none, as with a server."""
    with own_store(tmp_path, password="sésame") as store:
        with store.client(password="sésame") as client:
            assert client.command("SELECT 1") == 1
        for wrong in ({"password": "sesame"}, {"password": ""}, {"username": "root", "password": "sésame"}):
            with pytest.raises(DatabaseError, match="516"):
                store.client(**wrong)
        for header in (
            {},
            {"X_ClickHouse_Key": "wrong"},
            {"X_ClickHouse_Key": "\xff\xfe"},
            {"Authorization": "Basic !!!"},
            {"Authorization": "Basic /w=="},
            {"Authorization": "Bearer s"},
        ):
            assert asked(store.url, **header)[:2] == (403, "516"), header
        assert asked(store.url, path="/?password=wrong")[:2] == (403, "516")
        assert asked(store.url, None, path="/ping", method="GET")[0] == 200


def test_killed_while_inserting_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """kill -9 in the middle: every batch that returned is whole, and no batch is there in part."""
    acknowledged: list[int] = []
    with own_store(tmp_path) as store:
        client = store.client()
        client.command("CREATE TABLE t (batch UInt32, row UInt32) ORDER BY batch SETTINGS fsync_after_insert = 1")

        def insert() -> None:
            for batch in range(10**6):
                try:
                    client.insert("t", [(batch, row) for row in range(100)], column_names=["batch", "row"])
                except Exception:  # noqa: BLE001 (killed: the driver has many names for it)
                    return
                acknowledged.append(batch)

        inserting = Thread(target=insert)
        inserting.start()
        while len(acknowledged) < 30 and inserting.is_alive():
            inserting.join(0.01)
        store.kill()
        inserting.join()
    with own_store(tmp_path) as store, store.client() as client:
        found = dict(client.query("SELECT batch, uniqExact(row) FROM t GROUP BY batch").result_rows)

    assert len(acknowledged) >= 30
    assert set(acknowledged) <= set(found) <= {*acknowledged, len(acknowledged)}
    assert set(found.values()) == {100}
