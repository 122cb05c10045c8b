"""What one query, and all together, may use; a client may ask for less, never for more."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from collector.storage.embedded.limits import MIB
from schemas.config import Store
from tests.support.own_store import OwnStore, own_store
from tests.support.plain_http import post

GREEDY = "SELECT length(groupArray(toString(number))) FROM numbers(100000000)"
LIMITS = {
    "memory_bytes": 900 * MIB,
    "query_memory_bytes": 300 * MIB,
    "query_s": 2.0,
    "result_rows": 1000,
    "result_bytes": 100_000,
    "body_bytes": 100_000,
    "queries": 2,
    "waiting": 1,
    "wait_s": 1.0,
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    """A store with little of everything."""
    with own_store(tmp_path_factory.mktemp("small") / "store", limits=LIMITS) as store:
        yield store


def test_a_client_may_ask_for_less(database: Store) -> None:
    """Time, rows, memory."""
    assert post(database.url, "SELECT sleep(3)", max_execution_time="0.1").code == 159
    assert post(database.url, "SELECT * FROM numbers(100)", max_result_rows="10").code == 396
    assert post(database.url, GREEDY, max_memory_usage="20000000").code == 241


@pytest.mark.embedded_only("the limits of its settings")
@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)", 159),
        ("SELECT * FROM numbers(2000)", 396),
        ("SELECT repeat('x', 900 + number % 2) FROM numbers(500)", 396),
        (GREEDY, 241),
        ("SELECT 1 SETTINGS max_memory_usage = 4000000000", 452),
        ("SELECT 1 SETTINGS max_memory_usage = 0", 452),
        ("SELECT 1 SETTINGS max_execution_time = 60", 452),
        ("SELECT 1 SETTINGS max_result_rows = 0", 452),
    ],
)
def test_no_query_takes_more_than_it_may(small: OwnStore, sql: str, code: int) -> None:
    """And the store goes on."""
    assert post(small.url, sql).code == code
    assert post(small.url, "SELECT 42").body == b"42\n"


@pytest.mark.embedded_only("the limits of its settings")
def test_a_body_too_large_is_refused(small: OwnStore) -> None:
    """As it comes, and unpacked."""
    assert post(small.url, b"SELECT '" + b"x" * 200_000 + b"'").status == 413
    packed = gzip.compress(b"SELECT '" + b"x" * 200_000 + b"'")
    assert post(small.url, packed, headers={"Content-Encoding": "gzip"}).status == 413


@pytest.mark.embedded_only("the limits of its settings")
def test_all_queries_together_stay_below_the_stores_memory(small: OwnStore) -> None:
    """Greedy ones at once are refused; the process stays within its setting and what it is without."""
    before = resident(small)
    with ThreadPoolExecutor(3) as threads:
        codes = {reply.code for reply in threads.map(lambda _: post(small.url, GREEDY), range(9))}
    assert codes <= {241, 159, 202}
    assert 241 in codes
    assert highest(small) < before + 900 * MIB
    assert post(small.url, "SELECT 42").body == b"42\n"


@pytest.mark.embedded_only("the limits of its settings")
def test_too_many_at_once_are_told_so(small: OwnStore) -> None:
    """Two run, one waits; the next is refused at once with 503 and 202."""
    slow = "SELECT sleep(1.8)"
    asking = [threading.Thread(target=post, args=(small.url, slow)) for _ in range(2)]
    for one in asking:
        one.start()
    time.sleep(0.4)
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: post(small.url, "SELECT 1"), range(8)))
    for one in asking:
        one.join()

    refused = [reply for reply in replies if reply.status != 200]
    assert {(reply.status, reply.code) for reply in refused} == {(503, 202)}
    assert "the store is busy" in refused[0].text
    assert post(small.url, "SELECT 42").body == b"42\n"


def resident(store: OwnStore) -> int:
    """Memory of the process now."""
    return _of(store, "VmRSS")


def highest(store: OwnStore) -> int:
    """The most memory that the process has had."""
    return _of(store, "VmHWM")


def _of(store: OwnStore, name: str) -> int:
    lines = Path(f"/proc/{store.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
