"""A real store for tests: one embedded engine process for the session, one database for each test."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

import clickhouse_connect
import pytest

from collector.storage.clickhouse import ClickHouse
from collector.storage.connection import arguments
from collector.storage.migrations import migrate
from collector.storage.rows import StoredRow
from schemas.config import Store
from schemas.observation import Observation
from touchstone.system_clock import SystemClock

T = TypeVar("T")

# Set, the contract tests run against this ClickHouse server (user `default`, no password), else the embedded store.
SERVER_VARIABLE = "TOUCHSTONE_CLICKHOUSE_URL"


@pytest.fixture(scope="session")
def store_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the store under test: an embedded one on a port of its own, or the server of SERVER_VARIABLE."""
    if real := os.environ.get(SERVER_VARIABLE):
        yield real
        return
    folder = tmp_path_factory.mktemp("store")
    command = [sys.executable, "-m", "touchstone", "store", "--listen", "127.0.0.1:0", "--path", str(folder), "--json"]
    log = (folder.parent / "store.log").open("wb")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ)
    try:
        yield str(first_document(process)["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@pytest.fixture
def store(store_process: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store with every migration applied, in a database that only this test sees."""
    name = "t_" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]
    yield from fresh_database(Store(url=store_process, database=name))


def on_store(store: Store, work: Callable[[ClickHouse], Awaitable[T]]) -> T:
    """What *work* gives, with an open ClickHouse."""

    async def run() -> T:
        async with ClickHouse.opened(store, clock=SystemClock()) as house:
            return await work(house)

    return asyncio.run(run())


def ask(store: Store, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a plain query, with another client."""
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        return [tuple(row) for row in client.query(sql).result_rows]


def put(store: Store, observations: Sequence[Observation], *, ingested_at: datetime | None = None) -> None:
    """Store *observations*, each taken in when it was finished unless *ingested_at* says otherwise."""
    rows = [StoredRow(one, 1, seq, ingested_at or one.finished_at) for seq, one in enumerate(observations)]
    on_store(store, lambda house: house.insert_observations(rows))


def fresh_database(store: Store) -> Iterator[Store]:
    """*store* with its database made anew, and dropped at the end; the body of a fixture of any scope."""
    import clickhouse_connect

    from collector.storage.connection import arguments

    client = clickhouse_connect.get_client(**arguments(store))
    client.command(f"DROP DATABASE IF EXISTS {store.database}")
    migrate(store)
    yield store
    client.command(f"DROP DATABASE IF EXISTS {store.database}")
    client.close()


def first_document(process: subprocess.Popen[str]) -> dict[str, object]:
    """The JSON document that a command prints when it is ready; it ends with a line that is a brace."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("}"):
            document: dict[str, object] = json.loads("".join(lines))
            return document
    raise AssertionError(f"the store ended with {process.wait(timeout=20)} before it was ready")
