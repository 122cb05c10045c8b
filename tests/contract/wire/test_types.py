"""Every type goes in through the client and comes out as it went."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from math import inf, isnan, nan
from typing import Any
from uuid import UUID

import pytest

NOON = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
CASES: list[tuple[str, list[Any]]] = [
    ("UInt8", [0, 255]),
    ("UInt64", [0, 2**64 - 1]),
    ("Int8", [-128, 127]),
    ("Int64", [-(2**63), 2**63 - 1]),
    ("UInt256", [0, 2**256 - 1]),
    ("Int128", [-(2**127), 2**127 - 1]),
    ("Float64", [0.1, -inf, inf]),
    ("Bool", [True, False]),
    ("String", ["", "it's \"\\ \n\t ✓", "x" * 100_000]),
    ("FixedString(4)", [b"abcd", b"\x00\xff\x01\x02"]),
    ("Decimal(9, 2)", [Decimal("-9999999.99"), Decimal("0.01")]),
    ("Decimal(38, 10)", [Decimal("1234567890123456789.0123456789")]),
    ("Date", [date(1970, 1, 1), date(2149, 6, 6)]),
    ("Date32", [date(1900, 1, 1), date(2299, 12, 31)]),
    ("DateTime('UTC')", [NOON.replace(microsecond=0)]),
    ("DateTime64(6, 'UTC')", [NOON]),
    ("DateTime64(3, 'Asia/Tokyo')", [NOON.replace(microsecond=123000)]),
    ("UUID", [UUID("01848fed-cb9e-4122-9c34-56837ac01812")]),
    ("IPv4", [IPv4Address("192.0.2.1")]),
    ("IPv6", [IPv6Address("2001:db8::1")]),
    ("Enum8('ok' = 1, 'failed' = 2)", ["ok", "failed"]),
    ("LowCardinality(String)", ["one", "two", "one"]),
    ("LowCardinality(Nullable(String))", ["one", None]),
    ("Nullable(Int32)", [1, None, -1]),
    ("Nullable(DateTime64(3, 'UTC'))", [None, NOON.replace(microsecond=0)]),
    ("Array(String)", [[], ["a", "b'"]]),
    ("Array(Array(Nullable(UInt8)))", [[[1, None], []], []]),
    ("Tuple(UInt8, String)", [(1, "a"), (2, "")]),
    ("Map(String, UInt64)", [{}, {"a": 1, "b": 2**63}]),
    ("Map(LowCardinality(String), Array(UInt8))", [{"a": [1, 2]}]),
    ("Point", [(1.5, -2.5)]),
    ("SimpleAggregateFunction(sum, UInt64)", [5]),
]


@pytest.mark.parametrize(("kind", "values"), CASES, ids=[kind for kind, _ in CASES])
def test_a_type_goes_in_and_comes_out(client: Any, kind: str, values: list[Any]) -> None:
    """As rows, and the same again after a copy inside the store."""
    client.command("DROP TABLE IF EXISTS one")
    client.command(f"CREATE TABLE one (n UInt32, v {kind}) ENGINE = MergeTree ORDER BY n")
    client.insert("one", list(enumerate(values)), column_names=["n", "v"])
    client.command("INSERT INTO one SELECT n + 100, v FROM one")
    answer = client.query("SELECT v FROM one ORDER BY n", tz_mode="aware", query_formats={"FixedString": "bytes"})

    found = [row[0] for row in answer.result_rows]
    assert found == [*values, *values]


def test_not_a_number_comes_back_as_that(client: Any) -> None:
    """It equals nothing, so it has a test of its own."""
    client.command("CREATE OR REPLACE TABLE one (v Float64) ENGINE = Memory")
    client.insert("one", [[nan]], column_names=["v"])

    assert isnan(client.query("SELECT v FROM one").result_rows[0][0])


def test_json_goes_in_as_a_dictionary_and_comes_out_as_one(client: Any) -> None:
    """With nested objects and lists."""
    value = {"a": {"b": 1, "c": "x"}, "list": [1, 2]}
    client.command("CREATE OR REPLACE TABLE one (v JSON) ENGINE = MergeTree ORDER BY tuple()")
    client.insert("one", [[value]], column_names=["v"])

    assert client.query("SELECT v FROM one").result_rows[0][0] == value
    assert client.query("SELECT v.a.b::Int64 FROM one").result_rows == [(1,)]


def test_nested_columns_are_arrays_side_by_side(client: Any) -> None:
    """As ClickHouse stores them."""
    client.command("CREATE OR REPLACE TABLE one (id UInt8, n Nested(k String, v UInt8)) ENGINE = Memory")
    client.insert("one", [[1, ["a", "b"], [1, 2]]], column_names=["id", "n.k", "n.v"])

    assert client.query("SELECT n.k, n.v FROM one").result_rows == [(["a", "b"], [1, 2])]


def test_variants_and_dynamics_keep_their_values(client: Any) -> None:
    """Text and number in one column."""
    client.command("CREATE OR REPLACE TABLE one (v Variant(String, UInt64), d Dynamic) ENGINE = Memory")
    client.insert("one", [["x", "y"], [7, 8]], column_names=["v", "d"])

    assert [row[0] for row in client.query("SELECT v FROM one").result_rows] == ["x", 7]
    assert client.query("SELECT toString(d) FROM one").result_rows == [("y",), ("8",)]


def test_states_of_aggregates_are_merged(client: Any) -> None:
    """Stored as states, read as values."""
    client.command("CREATE OR REPLACE TABLE one (s AggregateFunction(uniqExact, UInt64)) ENGINE = Memory")
    client.command("INSERT INTO one SELECT uniqExactState(number) FROM numbers(100)")
    client.command("INSERT INTO one SELECT uniqExactState(number) FROM numbers(50, 100)")

    assert client.command("SELECT uniqExactMerge(s) FROM one") == 150


def test_a_zone_of_time_changes_what_is_shown_and_not_what_is_meant(client: Any) -> None:
    """The same instant in Tokyo and in UTC."""
    sql = "SELECT toDateTime('2026-11-24 12:00:00', 'UTC') AS utc, toTimeZone(utc, 'Asia/Tokyo') AS tokyo"
    ((utc, tokyo),) = client.query(sql, tz_mode="aware").result_rows

    assert utc == tokyo
    assert client.command(f"SELECT toString(tokyo) FROM ({sql})") == "2026-11-24 21:00:00"
    assert utc - datetime(2026, 11, 24, 12, tzinfo=UTC) == timedelta(0)
