"""What the embedded store does not do: each line of the list in docs/embedded-store.md is shown here, and no other."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from schemas.config import Store
from tests.support.plain_http import post

PAGE = Path(__file__).parents[3] / "docs" / "embedded-store.md"
HEADING = "## What it does not do"


@pytest.mark.gap("external data")
def test_external_data(client: Any) -> None:
    """Refused in words (501), nothing is asked."""
    words = ExternalData(file_name="words.csv", data=b"a\nb\n", fmt="CSV", structure="w String")
    with pytest.raises(DatabaseError, match="external data is not served") as caught:
        client.query("SELECT count() FROM words", external_data=words)
    assert caught.value.code == 48


@pytest.mark.gap("`client_protocol_version`")
def test_protocol_versions(database: Store) -> None:
    """Native stays in its oldest revision, so a column loses its zone's name; clickhouse-connect sees that itself."""
    sql = "SELECT toDateTime(0, 'Asia/Tokyo') AS t FORMAT Native"
    assert post(database.url, sql, client_protocol_version="54460").body == post(database.url, sql).body
    assert b"Asia/Tokyo" not in post(database.url, sql).body


@pytest.mark.gap("progress headers")
def test_progress(database: Store) -> None:
    """An answer has no X-ClickHouse-Progress."""
    reply = post(
        database.url, "SELECT sleepEachRow(0.1) FROM numbers(5)",
        send_progress_in_http_headers="1", http_headers_progress_interval_ms="10",
    )  # fmt: skip
    assert "x-clickhouse-progress" not in reply.headers


@pytest.mark.gap("streams of answers")
def test_answers_are_whole(database: Store) -> None:
    """A failure in the middle is a clean status, where a server has sent rows already."""
    reply = post(database.url, "SELECT number, throwIf(number = 900000) FROM numbers(1000000)")
    assert reply.status == 500
    assert reply.body.startswith(b"Code: 395")
    assert int(post(database.url, "SELECT * FROM numbers(100000)").headers["content-length"]) > 500_000


@pytest.mark.gap("users, roles, quotas and row policies")
@pytest.mark.parametrize("sql", ["CREATE USER u", "CREATE ROLE r", "CREATE QUOTA q", "CREATE ROW POLICY p ON t"])
def test_users(database: Store, sql: str) -> None:
    """By SQL: there are the two of the settings."""
    assert post(database.url, sql, database=database.database).code == 497


@pytest.mark.gap("replication and clusters")
def test_replication(database: Store, client: Any) -> None:
    """No Keeper: a replicated table cannot be made."""
    sql = "CREATE TABLE r (a UInt8) ENGINE = ReplicatedMergeTree('/r', 'one') ORDER BY a"
    assert post(database.url, sql, database=database.database).status == 500
    assert client.query("SELECT count() FROM system.clusters WHERE cluster = 'touchstone'").result_rows == [(0,)]


@pytest.mark.gap("other servers and files")
@pytest.mark.parametrize("sql", ["SELECT * FROM url('http://127.0.0.1:9/')", "SELECT * FROM file('x.csv')"])
def test_table_functions_of_elsewhere(database: Store, sql: str) -> None:
    """Refused."""
    assert post(database.url, sql).code == 497


@pytest.mark.gap("dictionaries")
def test_dictionaries(database: Store) -> None:
    """Refused."""
    sql = "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)"
    assert post(database.url, sql, database=database.database).code == 497


@pytest.mark.gap("`INSERT ... SELECT ... FROM input(...)`")
def test_input(database: Store, client: Any) -> None:
    """An insert with data goes into its columns as it comes."""
    client.command("CREATE OR REPLACE TABLE i (a UInt8) ENGINE = Memory")
    sql = f"INSERT INTO {database.database}.i SELECT a + 1 FROM input('a UInt8') FORMAT CSV"
    assert post(database.url, "1\n", query=sql).status >= 400


@pytest.mark.gap("query ids in system tables")
def test_query_ids_of_system_tables(database: Store) -> None:
    """system.processes has the engine's own; KILL QUERY understands the client's."""
    sql = "SELECT countIf(query_id = 'mine'), count() > 0 FROM system.processes"
    assert post(database.url, sql, query_id="mine").text == "0\t1"


@pytest.mark.gap("`system.query_log`")
def test_logs_in_tables(database: Store) -> None:
    """There is none."""
    assert post(database.url, "SELECT count() FROM system.query_log").code == 60


@pytest.mark.gap("brotli")
def test_brotli(database: Store) -> None:
    """Not among the encodings."""
    reply = post(database.url, "SELECT 1", headers={"Accept-Encoding": "br"})
    assert "content-encoding" not in reply.headers
    assert post(database.url, b"\x0b\x03\x80SELECT 1\x03", headers={"Content-Encoding": "br"}).status == 501


@pytest.mark.gap("tokens")
def test_bearer(database: Store) -> None:
    """Name and password only."""
    assert post(database.url, "SELECT 1", headers={"Authorization": "Bearer abc"}).code == 516


@pytest.mark.gap("total_rows_to_read")
def test_totals_of_the_summary(database: Store) -> None:
    """It is 0: the engine does not tell it in advance."""
    reply = post(database.url, "SELECT count() FROM numbers(1000000) WHERE NOT ignore(number)")
    assert json.loads(reply.headers["x-clickhouse-summary"])["total_rows_to_read"] == "0"


def test_the_list_in_the_documentation_is_what_is_shown_here() -> None:
    """One line for each gap, in its words."""
    section = PAGE.read_text().partition(HEADING)[2].partition("\n## ")[0]
    listed = {line.removeprefix("- **").partition("**")[0] for line in section.splitlines() if line.startswith("- **")}
    tests = [value for name, value in vars(sys.modules[__name__]).items() if name.startswith("test_")]
    shown = {mark.args[0] for test in tests for mark in getattr(test, "pytestmark", []) if mark.name == "gap"}

    assert listed == shown
