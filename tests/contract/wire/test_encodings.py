"""Bodies packed in every way that is served, in both directions."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import clickhouse_connect
import lz4.frame
import pytest
from backports import zstd

from collector.storage.connection import arguments
from collector.storage.embedded.compression import compressed_blocks, decompressed_blocks
from collector.storage.embedded.exceptions import Refused
from schemas.config import Store
from tests.support.plain_http import post

Pack = Callable[[bytes], bytes]
PACKED: dict[str, tuple[Pack, Pack]] = {
    "gzip": (gzip.compress, gzip.decompress),
    "deflate": (zlib.compress, zlib.decompress),
    "lz4": (lz4.frame.compress, lz4.frame.decompress),
    "zstd": (zstd.compress, zstd.decompress),
}
SQL = "SELECT repeat('x', 1000) FROM numbers(100)"
SAID = (b"x" * 1000 + b"\n") * 100


@pytest.mark.parametrize("encoding", PACKED)
def test_both_ways(database: Store, encoding: str) -> None:
    """The question packed, the answer packed, and smaller."""
    pack, unpack = PACKED[encoding]
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    reply = post(database.url, pack(SQL.encode()), headers=headers, enable_http_compression="1")

    assert reply.status == 200, reply.body
    assert reply.headers["content-encoding"] == encoding
    assert unpack(reply.body) == SAID
    assert len(reply.body) < 10_000


@pytest.mark.parametrize(
    ("accepted", "parameters"),
    [("", {}), ("identity", {}), ("rot13", {}), ("gzip", {"enable_http_compression": "0"}), ("gzip;q=0", {})],
)
def test_a_client_that_wants_it_plain_gets_it_plain(database: Store, accepted: str, parameters: dict[str, str]) -> None:
    """By not asking, or by asking not to."""
    reply = post(database.url, SQL, headers={"Accept-Encoding": accepted}, **parameters)
    assert reply.body == SAID
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("compress", [True, "lz4", "zstd", "gzip"])
def test_the_client_in_each_of_its_modes(database: Store, compress: bool | str) -> None:
    """A large insert and a large answer."""
    with clickhouse_connect.get_client(
        **arguments(database) | {"compress": compress, "database": database.database}
    ) as client:
        client.command("CREATE OR REPLACE TABLE t (n UInt32, s String) ORDER BY n")
        client.insert("t", [(n, "x" * 50) for n in range(20_000)], column_names=["n", "s"])
        answer: Any = client.query("SELECT * FROM t ORDER BY n")
    assert answer.result_rows == [(n, "x" * 50) for n in range(20_000)]


@pytest.mark.parametrize("size", [0, 1, 8, 15, 16, 100, 143, 144, 1000, 3_000_000])
def test_blocks_of_our_own_packing_are_read_back(size: int) -> None:
    """Of every length for which the checksum takes another way."""
    content = bytes(n * 7 % 251 for n in range(size))
    assert decompressed_blocks(compressed_blocks(content), bytes_max=10**7) == content


def test_a_block_that_was_changed_is_refused(database: Store) -> None:
    """A flipped bit, a cut end, and a method that nobody knows."""
    block = bytearray(compressed_blocks(b"SELECT 1" * 50))
    block[40] ^= 1
    assert post(database.url, bytes(block), decompress="1").code == 40
    with pytest.raises(Refused, match="CANNOT_DECOMPRESS"):
        decompressed_blocks(compressed_blocks(b"SELECT 1")[:-1], bytes_max=100)
    with pytest.raises(Refused, match="more than 7 bytes"):
        decompressed_blocks(compressed_blocks(b"SELECT 1"), bytes_max=7)
