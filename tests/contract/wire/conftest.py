"""
The contract of ClickHouse's HTTP protocol: the same tests for the embedded store and for a server.

`TOUCHSTONE_CLICKHOUSE_URL=http://127.0.0.1:8123` runs them against a ClickHouse server; what holds for the embedded
store only is marked `embedded_only` with its reason, what it does not do is marked `gap`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest

from collector.storage.connection import arguments
from schemas.config import Store
from tests.support.stores import SERVER_VARIABLE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what does not hold for a server, when one is named."""
    if SERVER_VARIABLE not in os.environ:
        return
    for item in items:
        if mark := item.get_closest_marker("embedded_only"):
            item.add_marker(pytest.mark.skip(reason=f"of the embedded store only: {mark.args[0]}"))
        if mark := item.get_closest_marker("gap"):
            item.add_marker(pytest.mark.skip(reason=f"a server does this: {mark.args[0]}"))


@pytest.fixture(scope="module")
def database(store_process: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store with an empty database of the module's own."""
    name = "w_" + hashlib.sha256(request.module.__name__.encode()).hexdigest()[:12]
    store = Store(url=store_process, database=name)
    with clickhouse_connect.get_client(**arguments(store)) as client:
        client.command(f"DROP DATABASE IF EXISTS {name}")
        client.command(f"CREATE DATABASE {name}")
        yield store
        client.command(f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
def client(database: Store) -> Iterator[Any]:
    """An unmodified client, in that database."""
    with clickhouse_connect.get_client(**arguments(database), database=database.database) as opened:
        yield opened
