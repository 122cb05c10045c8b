"""
Numbered, forward-only DDL: schemas/sql/NNNN_name.sql, each applied once, in order, on one server or on a cluster.

What was applied stands in `schema_versions` with the checksum of its text. A file that changed after it was applied, a
gap, and a schema newer than this version are refused by name. Every statement can be run again, so a runner that dies
anywhere is made good by the next one; two at once are kept apart by migration_lock.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any

from collector.storage.cluster import Cluster, defining, writing
from collector.storage.connection import arguments, named_errors
from collector.storage.migration_lock import LEASE_S, MigrationLock
from schemas.config import Store
from schemas.errors import StoreRejected

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_DATABASE = "CREATE DATABASE IF NOT EXISTS {database}"
_VERSIONS = """CREATE TABLE IF NOT EXISTS {database}.schema_versions
(version UInt32, name String, md5 String, script String, created_at DateTime DEFAULT now())
ENGINE = ReplacingMergeTree(created_at) ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""
_UNKNOWN = frozenset({60, 81})  # no such table, no such database


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of DDL."""

    version: int
    name: str
    script: str

    @property
    def md5(self) -> str:
        """The fingerprint by which a changed file is found."""
        return hashlib.md5(self.script.encode(), usedforsecurity=False).hexdigest()

    def statements(self, database: str) -> list[str]:
        """The file's statements for *database*; a semicolon at a line's end separates them."""
        return split_statements(self.script, database)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store has, and what it lacks: the missing migrations, each with the statements that would be run."""

    applied: tuple[str, ...]
    missing: tuple[tuple[Migration, tuple[str, ...]], ...]


def split_statements(script: str, database: str) -> list[str]:
    """The statements of *script* for *database*, comments left out."""
    text = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("--"))
    parts = re.split(r";\s*(?:\n|$)", text.replace("${DATABASE}", database))
    return [part.strip() for part in parts if part.strip()]


def shipped() -> tuple[Migration, ...]:
    """Every migration of this version, in order."""
    found = [file for file in files("schemas").joinpath("sql").iterdir() if _NAME.match(file.name)]
    return tuple(
        Migration(int(file.name[:4]), file.name, file.read_text()) for file in sorted(found, key=lambda f: f.name)
    )


def plan(store: Store, migrations: tuple[Migration, ...] | None = None) -> Plan:
    """What `migrate` would do to *store*; nothing is written. Raises StoreUnavailable, StoreRejected."""
    import clickhouse_connect

    known = shipped() if migrations is None else migrations
    with named_errors(store), clickhouse_connect.get_client(**arguments(store)) as client:
        return planned(client, store, known)


def migrate(store: Store, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Apply what is missing in *store*; the names applied. Raises StoreUnavailable, StoreRejected."""
    import clickhouse_connect

    known = shipped() if migrations is None else migrations
    with named_errors(store), clickhouse_connect.get_client(**arguments(store)) as client:
        return applied(client, store, known)


def told(store: Store, statement: str) -> list[str]:
    """*statement*, written for one server, as *store* takes it: as it is, or for its cluster. Raises StoreRejected."""
    return _Renderer(store, shipped()).text(statement)


def planned(client: Any, store: Store, migrations: tuple[Migration, ...]) -> Plan:
    """As `plan`, over an open client."""
    done = _recorded(client, store)
    refuse_drift(done, migrations)
    render = _Renderer(store, migrations)
    return Plan(
        tuple(name for name, _ in done.values()),
        tuple((one, tuple(render.statements(one))) for one in migrations if one.version not in done),
    )


def applied(client: Any, store: Store, migrations: tuple[Migration, ...], *, lease_s: int = LEASE_S) -> tuple[str, ...]:
    """As `migrate`, over an open client; a runner whose lock is older than *lease_s* and that runs nothing is dead."""
    if not planned(client, store, migrations).missing:
        return ()
    render = _Renderer(store, migrations)
    for statement in (_DATABASE, _VERSIONS):
        for one in render.text(statement.format(database=store.database)):
            client.command(one, settings=defining(store))
    names = []
    with MigrationLock.taken(client, store, lease_s) as lock:
        for migration, statements in planned(client, store, migrations).missing:
            for statement in statements:
                lock.still_held()
                client.command(statement, settings={**defining(store), **writing(store), "log_comment": lock.who})
            client.insert(
                f"{store.database}.schema_versions",
                [[migration.version, migration.name, migration.md5, migration.script]],
                column_names=["version", "name", "md5", "script"],
                settings={"async_insert": 0, **writing(store)},
            )
            names.append(migration.name)
    return tuple(names)


def refuse_drift(done: Mapping[int, tuple[str, str]], migrations: tuple[Migration, ...]) -> None:
    """Raise StoreRejected unless what was applied (version to name and MD5) is the beginning of *migrations*."""
    known = {one.version: one for one in migrations}
    for version, (name, md5) in sorted(done.items()):
        if version in known and known[version].md5 != md5:
            raise StoreRejected(f"{known[version].name} changed after it was applied; add a new migration instead")
        if version not in known:
            newest = migrations[-1].name if migrations else "none"
            raise StoreRejected(
                f"the store has {name}, which this version does not know (its newest is {newest}): the store was "
                "migrated by a newer version. Upgrade this one; nothing was written"
            )
    for before, one in pairwise(migrations):
        if one.version != before.version + 1:
            raise StoreRejected(f"{one.name} does not follow {before.name}: a migration is missing between them")
    skipped = [one for one in migrations if one.version not in done and done and one.version < max(done)]
    if skipped:
        raise StoreRejected(f"{skipped[0].name} was never applied, but {done[max(done)][0]} was; restore a backup")


class _Renderer:
    """The statements as this store takes them: as written, or for its cluster."""

    def __init__(self, store: Store, migrations: tuple[Migration, ...]) -> None:
        self._database, self._cluster = store.database, None
        if store.cluster is not None:
            every = (statement for one in migrations for statement in one.statements(store.database))
            self._cluster = Cluster.of(store.cluster, every)

    def text(self, statement: str) -> list[str]:
        return [statement] if self._cluster is None else self._cluster.rendered(statement)

    def statements(self, migration: Migration) -> list[str]:
        return [one for statement in migration.statements(self._database) for one in self.text(statement)]


def _recorded(client: Any, store: Store) -> dict[int, tuple[str, str]]:
    """Version to name and MD5 of what was applied; empty for a database that is not there yet."""
    from clickhouse_connect.driver.exceptions import DatabaseError

    try:
        rows = client.query(f"SELECT version, name, md5 FROM {store.database}.schema_versions FINAL").result_rows
    except DatabaseError as error:
        if getattr(error, "code", None) not in _UNKNOWN:
            raise
        return {}
    return {int(version): (str(name), str(md5)) for version, name, md5 in sorted(rows)}
