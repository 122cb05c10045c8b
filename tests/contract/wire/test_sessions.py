"""Sessions: settings and temporary tables that last between requests, one request at a time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import pandas as pd
import pytest

from schemas.config import Store
from tests.support.own_store import own_store
from tests.support.plain_http import post

MAX_THREADS = "SELECT getSetting('max_threads')"


def test_what_is_set_lasts_in_its_session_only(database: Store) -> None:
    """SET, USE and temporary tables; a request without a session sees nothing of them."""
    before = post(database.url, MAX_THREADS).text
    mine = {"session_id": "s-lasts"}
    post(database.url, "SET max_threads = 3", **mine)
    post(database.url, f"USE {database.database}", **mine)
    post(database.url, "CREATE TEMPORARY TABLE mine (a UInt8)", **mine)
    post(database.url, "1\n2\n", query="INSERT INTO mine FORMAT CSV", **mine)

    assert post(database.url, MAX_THREADS, **mine).text == "3"
    assert post(database.url, "SELECT currentDatabase()", **mine).text == database.database
    assert post(database.url, "SELECT sum(a) FROM mine", **mine).text == "3"
    assert post(database.url, "SELECT sum(a) FROM mine", session_id="s-other").code == 60
    assert post(database.url, "SELECT sum(a) FROM mine").code == 60
    assert post(database.url, MAX_THREADS).text == before


def test_a_setting_of_one_request_does_not_last(database: Store) -> None:
    """What the session itself has set comes back."""
    mine = {"session_id": "s-request"}
    post(database.url, "SET max_threads = 3", **mine)

    assert post(database.url, MAX_THREADS, max_threads="5", **mine).text == "5"
    assert post(database.url, MAX_THREADS, **mine).text == "3"
    assert post(database.url, "SELECT currentDatabase()", database=database.database, **mine).text == database.database
    assert post(database.url, "SELECT currentDatabase()", **mine).text == "default"


def test_without_a_session_nothing_lasts(database: Store) -> None:
    """However many requests come after."""
    before = post(database.url, MAX_THREADS).text
    for statement in ("SET max_threads = 7", f"USE {database.database}", "CREATE TEMPORARY TABLE gone (a UInt8)"):
        assert post(database.url, statement).status == 200
    for _ in range(8):
        assert post(database.url, MAX_THREADS).text == before
        assert post(database.url, "SELECT currentDatabase()").text == "default"
        assert post(database.url, "SELECT count() FROM gone").code == 60


def test_a_failure_does_not_end_a_session(database: Store) -> None:
    """Its temporary tables stay, and the next answer is right."""
    mine = {"session_id": "s-fails"}
    post(database.url, "CREATE TEMPORARY TABLE mine AS SELECT 42 AS a", **mine)
    for sql in ("SELEKT", "SELECT throwIf(number = 900000) FROM numbers(1000000)", "SELECT * FROM nothing"):
        assert post(database.url, sql, **mine).code
        assert post(database.url, "SELECT a FROM mine", **mine).body == b"42\n"


def test_one_query_at_a_time(database: Store) -> None:
    """The second is told so at once (373)."""
    mine = {"session_id": "s-locked"}
    slow = threading.Thread(target=post, args=(database.url, "SELECT sleep(1.5)"), kwargs=mine)
    slow.start()
    time.sleep(0.5)
    start = time.monotonic()
    refused = post(database.url, "SELECT 1", **mine)
    waited_s = time.monotonic() - start
    slow.join()

    assert refused.code == 373
    assert waited_s < 0.9
    assert post(database.url, "SELECT 1", **mine).text == "1"


def test_a_session_that_must_exist(database: Store) -> None:
    """session_check: unknown is 372; known is used; closed is unknown again."""
    assert post(database.url, "SELECT 1", session_id="s-check", session_check="1").code == 372
    assert post(database.url, "SELECT 1", session_id="s-check").text == "1"
    assert post(database.url, "SELECT 1", session_id="s-check", session_check="1", close_session="1").text == "1"
    assert post(database.url, "SELECT 1", session_id="s-check", session_check="1").code == 372


def test_a_session_ends_when_nobody_asks(database: Store) -> None:
    """After session_timeout; a request before that keeps it."""
    mine = {"session_id": "s-expires", "session_timeout": "2"}
    post(database.url, "SET max_threads = 3", **mine)
    time.sleep(1.2)
    assert post(database.url, MAX_THREADS, session_check="1", **mine).text == "3"
    time.sleep(4)
    assert post(database.url, MAX_THREADS, session_check="1", **mine).code == 372


@pytest.mark.parametrize("timeout", ["soon", "-1", "3601"])
def test_a_timeout_that_cannot_be(database: Store, timeout: str) -> None:
    """Not a number, or more than an hour (374)."""
    assert post(database.url, "SELECT 1", session_id="s-bad", session_timeout=timeout).code == 374


def test_the_clients_own_sessions(database: Store) -> None:
    """A client as it comes out of the box makes a session of its own; temporary tables, frames in and out."""
    where = urlsplit(database.url)
    with clickhouse_connect.get_client(host=where.hostname, port=where.port) as client:
        assert client.get_client_setting("session_id")
        client.command("CREATE TEMPORARY TABLE words (a String, b String)")
        client.command("INSERT INTO words VALUES ('x', 'y'), ('z', 'w')")
        client.insert_df("words", pd.DataFrame({"a": ["m"], "b": ["n"]}))
        assert sorted(client.query_df("SELECT * FROM words")["a"]) == ["m", "x", "z"]


@pytest.mark.embedded_only("a server has no bound on sessions")
def test_there_is_a_bound_on_sessions(tmp_path: Path) -> None:
    """One more is refused (202, 503) until one ends; requests without a session go on."""
    with own_store(tmp_path, limits={"sessions": 2}) as store:
        for name in ("a", "b"):
            assert post(store.url, "SELECT 1", session_id=name, session_timeout="2").text == "1"
        refused: Any = post(store.url, "SELECT 1", session_id="c")
        assert (refused.status, refused.code) == (503, 202)
        assert post(store.url, "SELECT 1").text == "1"
        time.sleep(3.5)
        assert post(store.url, "SELECT 1", session_id="c").text == "1"
