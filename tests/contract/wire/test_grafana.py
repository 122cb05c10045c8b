"""
Grafana's ClickHouse data source over HTTP: the requests of its driver (clickhouse-go), and queries of its panels.

The driver asks by POST, Native, with `client_protocol_version`, gzip, user and password by HTTP Basic. Its LZ4 mode,
which Grafana uses for the native port only, is tried as well.
"""

from __future__ import annotations

import gzip
import struct
from base64 import b64encode
from typing import Any

import pytest

from collector.storage.embedded.compression import compressed_blocks, decompressed_blocks
from schemas.config import Store
from tests.support.native_reader import CLIENT_REVISION, HELLO, NativeReader
from tests.support.plain_http import post

COMMON = {"default_format": "Native", "client_protocol_version": str(CLIENT_REVISION)}
HEADERS = {
    "Accept-Encoding": "gzip",
    "Authorization": "Basic " + b64encode(b"default:").decode(),
    "User-Agent": "grafana/12.2.0 clickhouse-datasource/4.11.0 clickhouse-go/2.40.3 (lv:go/1.25; os:linux)",
}


class Driver:
    """What clickhouse-go does in HTTP mode."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.revision = CLIENT_REVISION
        _, ((self.name, self.version, self.revision, self.zone),) = self.ask(HELLO)

    def ask(self, sql: str, **settings: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The answer's columns and rows; asserts that it is one."""
        parameters = COMMON | {"database": self._store.database} | settings
        reply = post(self._store.url, sql, headers=HEADERS, **parameters)
        assert reply.status == 200, reply.body
        body = gzip.decompress(reply.body) if reply.headers.get("content-encoding") == "gzip" else reply.body
        return NativeReader(body, self.revision).rows()


@pytest.fixture
def driver(database: Store, client: Any) -> Driver:
    """Connected, with a table of an hour."""
    client.command(
        "CREATE OR REPLACE TABLE probes (at DateTime('UTC'), provider String, ms Float64, ok UInt8) ORDER BY at"
    )
    client.command(
        "INSERT INTO probes SELECT toDateTime('2026-11-24 12:00:00', 'UTC') + number * 60,"
        " if(number % 2, 'acme', 'bolt'), number, number % 10 != 0 FROM numbers(60)"
    )
    return Driver(database)


def test_it_connects(driver: Driver) -> None:
    """Name, version, zone; then pings."""
    assert driver.version.startswith("2")
    assert driver.zone
    assert driver.ask("SELECT 1") == (["1"], [(1,)])
    assert driver.ask("SELECT version()")[1] == [(driver.version,)]


def test_it_lists_databases_tables_and_columns(driver: Driver, database: Store) -> None:
    """What its query builder offers."""
    assert (database.database,) in driver.ask("SELECT name FROM system.databases")[1]
    sql = f"SELECT name FROM system.tables WHERE database = '{database.database}' AND name = 'probes'"
    assert driver.ask(sql)[1] == [("probes",)]
    names, rows = driver.ask(f"DESCRIBE TABLE {database.database}.probes")
    assert names[:2] == ["name", "type"]
    assert [row[0] for row in rows] == ["at", "provider", "ms", "ok"]


def test_a_panel_of_time_series(driver: Driver) -> None:
    """Its macros are spelled out: a range of time, an interval, a series for each provider."""
    _, rows = driver.ask(
        "SELECT toStartOfInterval(toDateTime(at), INTERVAL 600 second) AS time, provider, avg(ms) AS v FROM probes"
        " WHERE at >= toDateTime(1795521600) AND at <= toDateTime(1795525200) GROUP BY time, provider"
        " ORDER BY time, provider",
        max_execution_time="60",
    )
    assert len(rows) == 12
    assert rows[0] == (1795521600, "acme", 5.0)


def test_a_panel_of_a_table_with_nothing_in_places(driver: Driver) -> None:
    """Nulls, and more rows than a block."""
    _, rows = driver.ask("SELECT provider, if(ok, ms, NULL) AS v FROM probes ORDER BY at LIMIT 2")
    assert rows == [("bolt", None), ("acme", 1.0)]
    assert len(driver.ask("SELECT number, toString(number) FROM numbers(200000)")[1]) == 200_000


def test_an_error_is_read_as_one(driver: Driver, database: Store) -> None:
    """By its header; the body is the text, whatever was asked for."""
    reply = post(database.url, "SELECT nothing FROM probes", headers=HEADERS, database=database.database, **COMMON)
    assert reply.code == 47
    assert reply.status == 404
    assert b"UNKNOWN_IDENTIFIER" in (
        gzip.decompress(reply.body) if reply.headers.get("content-encoding") == "gzip" else reply.body
    )


def test_the_drivers_lz4_mode(driver: Driver, database: Store, client: Any) -> None:
    """compress=1: checksummed blocks of ClickHouse's own, both ways."""
    parameters = COMMON | {"database": database.database, "compress": "1"}
    reply = post(database.url, "SELECT number FROM numbers(300000)", headers={}, **parameters)
    _, rows = NativeReader(decompressed_blocks(reply.body, bytes_max=10**8), driver.revision).rows()
    assert [row[0] for row in rows] == list(range(300_000))

    client.command("CREATE OR REPLACE TABLE packed (n UInt32) ORDER BY n")
    block = b"\x01\x03\x01n\x06UInt32" + struct.pack("<3I", 7, 8, 9)
    reply = post(
        database.url,
        compressed_blocks(block),
        headers={"Content-Type": "application/octet-stream"},
        **parameters | {"query": "INSERT INTO packed (n) FORMAT Native", "decompress": "1"},
    )
    assert reply.status == 200, reply.text
    assert client.command("SELECT sum(n) FROM packed") == 24
