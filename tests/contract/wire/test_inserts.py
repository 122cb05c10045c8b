"""Every way of inserting, and every format of the data."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.config import Store
from tests.support.plain_http import post

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ROWS = [[1, "one", 1.5], [2, "zwei ✓", None]]
NAMES = ["id", "word", "share"]


@pytest.fixture
def table(client: Any) -> Iterator[str]:
    """An empty table."""
    client.command("CREATE OR REPLACE TABLE t (id UInt32, word String, share Nullable(Float64)) ORDER BY id")
    yield "t"
    client.command("DROP TABLE t")


def held(client: Any) -> list[list[Any]]:
    """What the table holds."""
    return [list(row) for row in client.query("SELECT * FROM t ORDER BY id").result_rows]


def test_rows(client: Any, table: str) -> None:
    """And the summary says how many were written."""
    summary = client.insert(table, ROWS, column_names=NAMES)

    assert held(client) == ROWS
    assert summary.written_rows == 2


def test_columns(client: Any, table: str) -> None:
    """One list for each column."""
    client.insert(table, [list(column) for column in zip(*ROWS, strict=True)], NAMES, column_oriented=True)
    assert held(client) == ROWS


def test_an_insert_context_is_used_again(client: Any, table: str) -> None:
    """Its types are asked for once."""
    context = client.create_insert_context(table, NAMES)
    for row in ROWS:
        context.data = [row]
        client.insert(context=context)
    assert held(client) == ROWS


def test_a_frame(client: Any, table: str) -> None:
    """Of pandas; None stays None."""
    client.insert_df(table, pd.DataFrame(ROWS, columns=NAMES))
    assert [row[:2] for row in held(client)] == [row[:2] for row in ROWS]
    assert client.command("SELECT count() FROM t WHERE share IS NULL") == 1


def test_an_arrow_table(client: Any, table: str) -> None:
    """As ArrowStream."""
    client.insert_arrow(table, pa.table({"id": [1, 2], "word": ["one", "zwei ✓"], "share": [1.5, None]}))
    assert held(client) == ROWS


def arrow_bytes(ending: Any) -> bytes:
    """ROWS as Arrow's stream or file."""
    out = io.BytesIO()
    whole = pa.table({"id": pa.array([1, 2], pa.uint32()), "word": ["one", "zwei ✓"], "share": [1.5, None]})
    with ending(out, whole.schema) as writer:
        writer.write_table(whole)
    return out.getvalue()


def parquet_bytes() -> bytes:
    """ROWS as Parquet."""
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "word": ["one", "zwei ✓"], "share": [1.5, None]}), out)
    return out.getvalue()


def row_binary(row: list[Any]) -> bytes:
    """One row in RowBinary."""
    word = row[1].encode()
    share = b"\x01" if row[2] is None else b"\x00" + struct.pack("<d", row[2])
    return struct.pack("<I", row[0]) + bytes([len(word)]) + word + share


FORMATS = {
    "JSONEachRow": "".join(json.dumps(dict(zip(NAMES, row, strict=True))) + "\n" for row in ROWS).encode(),
    "JSONCompactEachRow": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "CSV": '1,"one",1.5\n2,"zwei ✓",\\N\n'.encode(),
    "CSVWithNames": '"word","id","share"\n"one",1,1.5\n"zwei ✓",2,\\N\n'.encode(),
    "TabSeparated": "1\tone\t1.5\n2\tzwei ✓\t\\N\n".encode(),
    "Values": "(1,'one',1.5),(2,'zwei ✓',NULL)".encode(),
    "RowBinary": b"".join(row_binary(row) for row in ROWS),
    "ArrowStream": arrow_bytes(pa.ipc.new_stream),
    "Arrow": arrow_bytes(pa.ipc.new_file),
    "Parquet": parquet_bytes(),
}


@pytest.mark.parametrize("form", FORMATS)
def test_data_in_a_format(client: Any, table: str, form: str) -> None:
    """Through the client's raw insert."""
    columns = None if form == "CSVWithNames" else NAMES
    client.raw_insert(table, columns, FORMATS[form], fmt=form)
    assert held(client) == ROWS


@pytest.mark.parametrize("form", ["JSONEachRow", "CSV", "Values", "RowBinary", "Parquet"])
@pytest.mark.parametrize("where", ["address", "body"])
def test_data_by_hand(client: Any, database: Store, table: str, form: str, where: str) -> None:
    """The query in the address and the data in the body, or both in the body."""
    query, data = f"INSERT INTO {database.database}.t FORMAT {form}", FORMATS[form]
    reply = (
        post(database.url, data, query=query)
        if where == "address"
        else post(database.url, f"{query}\n".encode() + data)
    )

    assert (reply.status, reply.body) == (200, b"")
    assert held(client) == ROWS


def test_values_without_a_format(client: Any, database: Store, table: str) -> None:
    """In the query itself, and as a body behind VALUES."""
    assert post(database.url, f"INSERT INTO {database.database}.t VALUES (1,'one',1.5)").status == 200
    assert post(database.url, "(2,'zwei ✓',NULL)", query=f"INSERT INTO {database.database}.t VALUES").status == 200
    assert held(client) == ROWS


def test_a_stream_of_chunks(client: Any, table: str) -> None:
    """A generator of bytes, sent without a length."""
    client.raw_insert(table, NAMES, (f"{n}\tw\t{n}\n".encode() for n in range(1, 5_001)), fmt="TabSeparated")
    assert client.command("SELECT count(), sum(id) FROM t") == ["5000", str(sum(range(1, 5_001)))]


def test_a_select_into_a_table(client: Any, table: str) -> None:
    """The store's own copy; the summary counts it."""
    summary = client.command("INSERT INTO t SELECT number, toString(number), NULL FROM numbers(1000)")
    assert client.command("SELECT count() FROM t") == 1000
    assert int(summary.summary["written_rows"]) == 1000


@pytest.mark.parametrize(
    ("form", "data"),
    [("CSV", b"1,one,1.5\nx,y,z\n"), ("Native", b"\x03\xff\xff"), ("Parquet", b"PAR1"), ("JSONEachRow", b'{"id":')],
)
def test_bad_data_inserts_nothing(client: Any, table: str, form: str, data: bytes) -> None:
    """Not even the good rows before the bad one; and the store goes on."""
    with pytest.raises(DatabaseError):
        client.raw_insert(table, NAMES, data, fmt=form)
    assert held(client) == []
    client.insert(table, ROWS, column_names=NAMES)
    assert held(client) == ROWS


def test_the_same_token_twice_is_one_insert(client: Any) -> None:
    """What the client's own hidden replay relies on."""
    client.command(
        "CREATE OR REPLACE TABLE d (id UInt32) ORDER BY id SETTINGS non_replicated_deduplication_window = 100"
    )
    for _ in range(2):
        client.insert("d", [[1], [2]], ["id"], settings={"insert_deduplication_token": "a", "async_insert": 0})
    assert client.command("SELECT count() FROM d") == 2


def test_a_parameter_names_the_table(client: Any, database: Store, table: str) -> None:
    """Bound by the server, and gone with the request."""
    params = {"param_t": "t", "database": database.database}
    reply = post(database.url, FORMATS["CSV"], query="INSERT INTO {t:Identifier} FORMAT CSV", **params)

    assert reply.status == 200, reply.text
    assert held(client) == ROWS
    assert post(database.url, "SELECT {t:String}").code == 456
