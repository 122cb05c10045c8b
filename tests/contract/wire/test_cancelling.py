"""A query can be cancelled by its id, by a successor of the same id, and by its client's going away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from schemas.config import Store
from tests.support.plain_http import Reply, post

ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number, {mark:String})"
UNDER_WAY = (
    "SELECT count() FROM system.processes WHERE query LIKE '%NOT ignore%' AND query NOT LIKE '%system.processes%'"
)
PATIENCE_S = 10


@contextmanager
def under_way(url: str, **parameters: str) -> Iterator[list[Reply]]:
    """An endless query in a thread; its answer stands in the list when the block has ended."""
    replies: list[Reply] = []
    asking = threading.Thread(
        target=lambda: replies.append(post(url, ENDLESS, param_mark="x", max_execution_time="30", **parameters))
    )
    asking.start()
    wait_for(url, "1")
    yield replies
    asking.join(PATIENCE_S)
    assert not asking.is_alive()


def wait_for(url: str, n: str) -> None:
    """Until *n* endless queries run."""
    end = time.monotonic() + PATIENCE_S
    while post(url, UNDER_WAY).text != n:
        assert time.monotonic() < end, f"not {n} under way"
        time.sleep(0.05)


@pytest.mark.parametrize("wait", ["SYNC", "ASYNC"])
def test_kill_query_by_the_clients_id(database: Store, wait: str) -> None:
    """As text and as a parameter; the query ends with 394."""
    sql = f"KILL QUERY WHERE query_id = {{id:String}} {wait}"
    with under_way(database.url, query_id="to-be-killed") as replies:
        assert post(database.url, sql, param_id="to-be-killed").status == 200
    assert replies[0].code == 394

    with under_way(database.url, query_id="to-be-killed") as replies:
        assert post(database.url, f"KILL QUERY WHERE query_id = 'to-be-killed' {wait}").status == 200
    assert replies[0].code == 394
    assert post(database.url, "SELECT 42").body == b"42\n"


def test_killing_nobody_kills_nobody(database: Store) -> None:
    """A query of another id goes on."""
    with under_way(database.url, query_id="goes-on") as replies:
        assert post(database.url, "KILL QUERY WHERE query_id = 'not-there' SYNC").status == 200
        assert post(database.url, UNDER_WAY).text == "1"
        post(database.url, "KILL QUERY WHERE query_id = 'goes-on' SYNC")
    assert replies[0].code == 394


def test_the_same_id_twice_is_refused(database: Store) -> None:
    """216; with replace_running_query the former ends and the new one answers."""
    with under_way(database.url, query_id="twice") as replies:
        assert post(database.url, "SELECT 1", query_id="twice").code == 216
        assert post(database.url, "SELECT 2", query_id="twice", replace_running_query="1").text == "2"
    assert replies[0].code == 394


def test_a_client_that_goes_away_ends_its_query(database: Store) -> None:
    """A question in the middle of its work; GET, as a server does it."""
    where: Any = urlsplit(database.url)
    path = "/?query=SELECT+count()+FROM+numbers(1000000000000)+WHERE+NOT+ignore(number)"
    with socket.create_connection((where.hostname, where.port)) as line:
        line.sendall(f"GET {path}&cancel_http_readonly_queries_on_client_close=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_for(database.url, "1")
    wait_for(database.url, "0")


def test_an_insert_whose_client_goes_away_is_finished_or_undone(database: Store, client: Any) -> None:
    """Never in part: one block is one part."""
    client.command("CREATE OR REPLACE TABLE whole (n UInt32) ORDER BY n")
    where: Any = urlsplit(database.url)
    query = f"INSERT+INTO+{database.database}.whole+FORMAT+CSV"
    data = "".join(f"{n}\n" for n in range(50_000)).encode()
    for _ in range(5):
        with socket.create_connection((where.hostname, where.port)) as line:
            head = f"POST /?query={query}&async_insert=0 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            line.sendall(head.encode() + data)
    time.sleep(1)
    assert client.command("SELECT count() FROM whole") % 50_000 == 0
