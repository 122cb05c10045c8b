"""Every way of asking: rows, columns, frames, Arrow, streams, parameters, formats."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.config import Store
from tests.support.plain_http import post

MANY = "SELECT number AS n, toString(number) AS s FROM numbers(200000)"


def test_the_client_opens_and_pings(client: Any) -> None:
    """Version, zone, and what it may set."""
    assert client.ping()
    assert int(client.server_version.split(".")[0]) >= 23
    assert str(client.server_tz)


def test_rows_and_columns(client: Any) -> None:
    """The same answer, seen both ways; names and types with it."""
    answer = client.query("SELECT number AS n, 'x' AS s FROM numbers(3)")
    assert answer.result_rows == [(0, "x"), (1, "x"), (2, "x")]
    assert list(answer.result_columns[0]) == [0, 1, 2]
    assert answer.column_names == ("n", "s")
    assert [kind.name for kind in answer.column_types] == ["UInt64", "String"]
    assert answer.first_row == (0, "x")


def test_no_rows_keep_their_columns(client: Any) -> None:
    """With LIMIT 0 the client asks for the columns only."""
    for sql in ("SELECT 1 AS a, 'x' AS b LIMIT 0", "SELECT 1 AS a, 'x' AS b WHERE 0"):
        answer = client.query(sql)
        assert answer.result_rows == []
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")


def test_frames_and_arrays(client: Any) -> None:
    """pandas and numpy."""
    frame = client.query_df("SELECT number AS n, if(number = 1, NULL, 'x') AS s FROM numbers(3)")
    assert list(frame["n"]) == [0, 1, 2]
    assert frame["s"].isna().tolist() == [False, True, False]
    assert client.query_np("SELECT number AS n FROM numbers(4)").sum() == 6


def test_arrow(client: Any) -> None:
    """As a table, and streamed."""
    assert client.query_arrow("SELECT number AS n FROM numbers(3)").to_pydict() == {"n": [0, 1, 2]}
    with client.query_arrow_stream(MANY) as stream:
        assert sum(batch.num_rows for batch in stream) == 200_000


def test_streams(client: Any) -> None:
    """Blocks of rows, rows, frames: every row once and in order."""
    with client.query_rows_stream(MANY) as rows:
        assert [row[0] for row in rows] == list(range(200_000))
    with client.query_row_block_stream(MANY) as blocks:
        assert sum(len(block) for block in blocks) == 200_000
    with client.query_df_stream(MANY) as frames:
        assert sum(len(frame) for frame in frames) == 200_000


def test_a_command_gives_what_it_is(client: Any) -> None:
    """A number, text, several values; nothing for what answers nothing."""
    assert client.command("SELECT 7") == 7
    assert client.command("SELECT 'x'") == "x"
    assert client.command("SELECT 1, 2") == ["1", "2"]
    assert client.command("SELECT 1 WHERE 0") == ""
    assert client.command("CREATE OR REPLACE TABLE c (a UInt8) ENGINE = Memory").summary["query_id"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's \"\\ \n\t ✓ {x:String} ; DROP TABLE t --"),
        ("Int64", -5),
        ("Float64", 0.25),
        ("Bool", True),
        ("Array(String)", ["a'b", "c\\", ""]),
        ("Array(Int64)", []),
        ("Nullable(String)", None),
        ("DateTime64(3, 'UTC')", datetime(2026, 11, 24, 12, 0, 0, 125000, UTC)),
    ],
)
def test_parameters_are_bound_by_the_server(client: Any, kind: str, value: Any) -> None:
    """Never pasted into the text; as the client sends them."""
    answer = client.query(f"SELECT {{value:{kind}}} AS v", parameters={"value": value}, tz_mode="aware")
    assert answer.result_rows == [(value,)]


def test_a_parameter_names_a_table(client: Any) -> None:
    """Identifier."""
    client.command("CREATE OR REPLACE TABLE `odd name` (a UInt8) ENGINE = Memory")
    assert client.query("SELECT count() FROM {t:Identifier}", parameters={"t": "odd name"}).result_rows == [(0,)]


def test_a_parameter_that_is_missing_is_an_error(client: Any) -> None:
    """And nothing is run."""
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT {there:String}, {missing:String}", parameters={"there": "x"})
    assert caught.value.code == 456


def test_parameters_too_long_for_an_address_are_bound_as_well(client: Any) -> None:
    """The client sends them as a form then: the targets of a large fleet."""
    words = [f"it's provider-{number}/cluster/chat ✓" for number in range(5_000)]
    ((found, n),) = client.query(
        "SELECT {words:Array(String)}, {n:Int64}", parameters={"words": words, "n": 3}
    ).result_rows
    assert (found, n) == (words, 3)


@pytest.mark.parametrize(
    ("form", "said", "content_type"),
    [
        ("TabSeparated", b"1\tx\n", "text/tab-separated-values"),
        ("CSV", b'1,"x"\n', "text/csv"),
        ("JSONEachRow", b'{"a":1,"b":"x"}\n', "application/x-ndjson"),
        ("JSONCompactEachRow", b'[1, "x"]\n', "application/x-ndjson"),
        ("Values", b"(1,'x')", "text/plain"),
        ("RowBinary", b"\x01\x01x", "application/octet-stream"),
        ("Native", b"\x02\x01\x01a\x05UInt8\x01\x01b\x06String\x01x", "application/octet-stream"),
    ],
)
def test_an_answer_in_a_format(database: Store, form: str, said: bytes, content_type: str) -> None:
    """Named in the query, in the address, in a header; told in the answer."""
    sql = "SELECT 1 AS a, 'x' AS b"
    for reply in (
        post(database.url, f"{sql} FORMAT {form}"),
        post(database.url, sql, default_format=form),
        post(database.url, sql, headers={"X-ClickHouse-Format": form}),
    ):
        assert (reply.status, reply.body) == (200, said)
        assert reply.headers["x-clickhouse-format"] == form
        assert reply.headers["content-type"].startswith(content_type)


def test_the_query_may_stand_in_two_places(database: Store) -> None:
    """The address first, then a line break, then the body."""
    assert post(database.url, " 1, 2", query="SELECT").text == "1\t2"
    assert post(database.url, "", query="SELECT 1; -- done").text == "1"
    assert post(database.url, "-- first\nSELECT /* in */ 1 -- last").text == "1"


def test_the_database_is_named_in_the_address_or_a_header(database: Store) -> None:
    """For this request only."""
    sql = "SELECT currentDatabase()"
    assert post(database.url, sql, database=database.database).text == database.database
    assert post(database.url, sql, headers={"X-ClickHouse-Database": database.database}).text == database.database
    assert post(database.url, sql).text == "default"


def test_the_answer_says_who_when_and_how_much(database: Store) -> None:
    """Query id, zone, name, summary: numbers as text."""
    reply = post(database.url, "SELECT number FROM numbers(1000)", query_id="my-own-id")
    summary = json.loads(reply.headers["x-clickhouse-summary"])
    assert reply.headers["x-clickhouse-query-id"] == "my-own-id"
    assert reply.headers["x-clickhouse-server-display-name"]
    assert reply.headers["x-clickhouse-timezone"]
    assert (summary["read_rows"], summary["result_rows"]) == ("1000", "1000")
    assert int(summary["elapsed_ns"]) > 0
    assert post(database.url, "SELECT 1").headers["x-clickhouse-query-id"]


def test_reading_methods_read(database: Store) -> None:
    """GET and HEAD may not change anything."""
    assert post(database.url, method="GET", query="SELECT 1").text == "1"
    head = post(database.url, method="HEAD", query="SELECT 1")
    assert (head.status, head.body) == (200, b"")
    for method in ("GET", "HEAD"):
        assert post(database.url, method=method, query="CREATE TABLE never (a UInt8) ENGINE = Memory").code == 164
    assert post(database.url, method="GET", query="SELECT 1 SETTINGS max_threads = 1").text == "1"


def test_ping_and_the_root_answer_ok(database: Store) -> None:
    """What load balancers ask."""
    assert post(database.url, method="GET").body == b"Ok.\n"
    with urllib.request.urlopen(f"{database.url}/ping", timeout=10) as answer:
        assert answer.read() == b"Ok.\n"


def test_explain_show_and_describe(client: Any) -> None:
    """Questions like any other."""
    client.command("CREATE OR REPLACE TABLE s (a UInt8) ENGINE = MergeTree ORDER BY a")
    assert "Read" in str(client.command("EXPLAIN SELECT * FROM s"))
    assert client.query("SHOW TABLES LIKE 's'").result_rows == [("s",)]
    assert client.query("DESCRIBE TABLE s").result_rows[0][:2] == ("a", "UInt8")
    assert "MergeTree" in client.command("SHOW CREATE TABLE s")
    assert client.query("EXISTS TABLE s").result_rows == [(1,)]
