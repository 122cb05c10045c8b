"""Migrations refuse drift, and whatever interrupts them, the next runner makes the same schema."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import clickhouse_connect
import pytest

from collector.storage.connection import BUSY_CODES, arguments
from collector.storage.migration_lock import MigrationLock
from collector.storage.migrations import Migration, applied, migrate, plan, planned, shipped
from schemas.config import Store
from schemas.errors import StoreRejected, StoreUnavailable


class Killed(BaseException):
    """What no handler of ours catches: the process is gone."""


class DyingClient:
    """A client whose process dies after so many statements: the next one, and all others, never leave it."""

    def __init__(self, client: Any, statements: int) -> None:
        self._client, self._left = client, statements

    def command(self, *args: Any, **more: Any) -> Any:
        """As the client's own, until it dies."""
        self._live()
        return self._client.command(*args, **more)

    def insert(self, *args: Any, **more: Any) -> Any:
        """As the client's own, until it dies."""
        self._live()
        return self._client.insert(*args, **more)

    def query(self, *args: Any, **more: Any) -> Any:
        """Reading counts for nothing; the dead do not read."""
        if self._left < 0:
            raise Killed
        return self._client.query(*args, **more)

    def _live(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed


@pytest.fixture
def empty(store_process: str) -> Iterator[Store]:
    """A database that is not there yet."""
    store = Store(url=store_process, database="t_migrations")
    with clickhouse_connect.get_client(**arguments(store)) as client:
        client.command(f"DROP DATABASE IF EXISTS {store.database}")
        yield store
        client.command(f"DROP DATABASE IF EXISTS {store.database}")


@pytest.fixture
def client(empty: Store) -> Iterator[Any]:
    """A client of it."""
    with clickhouse_connect.get_client(**arguments(empty)) as opened:
        yield opened


def schema(client: Any, store: Store) -> dict[str, str]:
    """Every table as the engine defines it, by name."""
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {d:String}",
        parameters={"d": store.database},
    ).result_rows
    return {str(name): str(query) for name, query in rows}


def rows_of(client: Any, store: Store, table: str) -> list[tuple[Any, ...]]:
    """Every row of *table* as a reader sees it."""
    return sorted(tuple(row) for row in client.query(f"SELECT * FROM {store.database}.{table} FINAL").result_rows)


def test_a_plan_says_what_would_be_done_and_writes_nothing(empty: Store, client: Any) -> None:
    """Not even the database; afterwards nothing is missing."""
    before = plan(empty)
    assert [one.name for one, _ in before.missing] == [one.name for one in shipped()]
    assert before.missing[0][1] == tuple(shipped()[0].statements(empty.database))
    assert client.query("SELECT count() FROM system.databases WHERE name = 't_migrations'").result_rows == [(0,)]

    assert migrate(empty) == tuple(one.name for one in shipped())
    assert plan(empty).missing == ()
    assert plan(empty).applied == tuple(one.name for one in shipped())


@pytest.mark.slow
def test_a_runner_killed_after_any_statement_is_made_good_by_the_next(empty: Store, client: Any) -> None:
    """kill -9 between any two statements of any migration, and before and after each record: the same schema."""
    migrate(empty)
    wanted = schema(client, empty)
    assert not any(name.startswith("schema_lock") for name in wanted)

    statements = 0
    while True:
        client.command(f"DROP DATABASE IF EXISTS {empty.database}")
        try:
            applied(DyingClient(client, statements), empty, shipped())
        except Killed:
            applied(client, empty, shipped(), lease_s=0)
            made = schema(client, empty)
            locks = {name for name in made if name.startswith("schema_lock")}  # of one that died when all was done
            assert {name: query for name, query in made.items() if name not in locks} == wanted, statements
            assert plan(empty).missing == ()
            statements += 1
        else:
            break
    assert statements > sum(len(one.statements("d")) for one in shipped()) + len(shipped())


def test_what_a_migration_copies_is_there_once_however_often_it_was_killed(empty: Store, client: Any) -> None:
    """The old rollups are taken over by 0006: killed at every statement of it and of 0007, then run again."""
    statements = 0
    while True:
        client.command(f"DROP DATABASE IF EXISTS {empty.database}")
        migrate(empty, shipped()[:5])
        client.command(
            f"""INSERT INTO {empty.database}.rollup_1h (t, provider, cluster, target, vantage, kind, n, n_ok, ver)
                SELECT toStartOfHour(now()) - number * 3600, 'acme', 'acme/east', 'acme/east/chat', 'here',
                       'chat_stream', 60, 59, now64(6) FROM numbers(50)"""
        )
        old = [row[:8] for row in rows_of(client, empty, "rollup_1h")]
        try:
            applied(DyingClient(client, statements), empty, shipped()[:7])
        except Killed:
            applied(client, empty, shipped()[:7], lease_s=0)
        else:
            break
        new = [(*row[:6], row[7], row[8]) for row in rows_of(client, empty, "rollup_hour")]
        assert new == old and len(old) == 50, statements
        statements += 1
    assert statements > 5


def test_two_runners_at_once_make_one_schema(empty: Store, client: Any) -> None:
    """One does the work; the other is told who does, and finds it done when it comes again."""
    migrate(empty)
    wanted = schema(client, empty)
    for _ in range(3):
        client.command(f"DROP DATABASE IF EXISTS {empty.database}")
        with ThreadPoolExecutor(4) as pool:
            outcomes = [pool.submit(migrate, empty) for _ in range(4)]
        errors = [error for one in outcomes if (error := one.exception()) is not None]
        done = [one.result() for one in outcomes if one.exception() is None]

        assert all(isinstance(error, StoreUnavailable) and "migrat" in str(error) for error in errors), errors
        assert sorted(names for names in done if names) == [tuple(one.name for one in shipped())]
        assert schema(client, empty) == wanted
        assert migrate(empty) == ()


def test_a_runner_that_was_overtaken_stops(empty: Store, client: Any) -> None:
    """It was slow, not dead: before its next statement it sees that another holds the lock, and who."""
    client.command(f"CREATE DATABASE {empty.database}")
    slow = MigrationLock.taken(client, empty)
    with pytest.raises(StoreUnavailable, match=f"{slow.who} is migrating t_migrations"):
        MigrationLock.taken(client, empty)
    slow.still_held()

    next_one = MigrationLock.taken(client, empty, lease_s=0)
    with pytest.raises(StoreUnavailable, match=f"{next_one.who} holds the lock of {slow.who} now"):
        slow.still_held()
    slow.given_back()
    next_one.still_held()
    next_one.given_back()
    assert schema(client, empty) == {}


def test_a_dead_runner_whose_statement_still_runs_holds_the_lock(empty: Store, client: Any) -> None:
    """However short the lease: what the server still does would meet what the next one begins."""
    client.command(f"CREATE DATABASE {empty.database}")
    dead = MigrationLock.taken(client, empty)
    with ThreadPoolExecutor(1) as pool, clickhouse_connect.get_client(**arguments(empty)) as other:
        running = pool.submit(other.command, "SELECT sleep(2)", settings={"log_comment": dead.who})
        refused = 0
        while not running.done():
            try:
                MigrationLock.taken(client, empty, lease_s=0).given_back()
            except StoreUnavailable:
                refused += 1
    assert refused > 0
    MigrationLock.taken(client, empty, lease_s=0).given_back()


def test_a_store_of_a_newer_version_is_refused_and_not_written_to(empty: Store, client: Any) -> None:
    """By the name of what is not known; an older runner must not write into tables that it does not know."""
    newer = (*shipped(), Migration(len(shipped()) + 1, "9999_newer.sql", "SELECT 1"))
    migrate(empty, newer)
    before = rows_of(client, empty, "schema_versions")

    for run in (migrate, plan):
        with pytest.raises(StoreRejected, match=r"9999_newer\.sql, which this version does not know \(its newest is"):
            run(empty)
    assert rows_of(client, empty, "schema_versions") == before


def test_a_gap_is_refused(empty: Store, client: Any) -> None:
    """In the files, and in what was applied."""
    with pytest.raises(StoreRejected, match=f"{shipped()[3].name} does not follow {shipped()[1].name}"):
        migrate(empty, (*shipped()[:2], *shipped()[3:]))
    assert client.query("SELECT count() FROM system.databases WHERE name = 't_migrations'").result_rows == [(0,)]

    migrate(empty)
    client.command(
        f"ALTER TABLE {empty.database}.schema_versions DELETE WHERE version = 3", settings={"mutations_sync": 1}
    )
    with pytest.raises(StoreRejected, match=f"{shipped()[2].name} was never applied, but {shipped()[-1].name} was"):
        migrate(empty)


def test_a_changed_file_is_refused_by_the_plan_too(empty: Store) -> None:
    """Before anything is promised."""
    migrate(empty)
    changed = (replace(shipped()[0], script="-- other"), *shipped()[1:])
    with pytest.raises(StoreRejected, match=f"{shipped()[0].name} changed after it was applied"):
        plan(empty, changed)


def test_a_failed_statement_gives_the_lock_back(empty: Store, client: Any) -> None:
    """The next run need not wait for a lease."""
    wrong = (*shipped(), Migration(len(shipped()) + 1, "9999_wrong.sql", "CREATE TABLE nowhere.t (a UInt8) ORDER BY a"))
    with pytest.raises(StoreRejected, match="nowhere"):
        migrate(empty, wrong)

    assert not any(name.startswith("schema_lock") for name in schema(client, empty))
    assert planned(client, empty, shipped()).missing == ()


def test_what_passes_by_itself_has_the_numbers_that_the_engine_gives_them(client: Any) -> None:
    """A wrong number would make an outage a refusal, and an agent's batch poison."""
    rows = client.query(
        "SELECT arrayJoin({codes:Array(UInt32)}) AS code, errorCodeToName(code)", parameters={"codes": list(BUSY_CODES)}
    ).result_rows
    assert {int(code): str(name) for code, name in rows} == dict(BUSY_CODES)
