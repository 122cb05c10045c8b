"""
Numbered, forward-only DDL: schemas/sql/NNNN_name.sql, each applied once, in order.

What was applied stands in `schema_versions`; a file that changed after it was applied is an error that names it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from collector.storage.connection import arguments, named_errors
from schemas.config import Store
from schemas.errors import StoreRejected

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
_VERSIONS = """CREATE TABLE IF NOT EXISTS {database}.schema_versions
(version UInt32, name String, md5 String, script String, created_at DateTime DEFAULT now())
ENGINE = ReplacingMergeTree(created_at) ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"""


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
        text = "\n".join(line for line in self.script.splitlines() if not line.lstrip().startswith("--"))
        parts = re.split(r";\s*(?:\n|$)", text.replace("${DATABASE}", database))
        return [part.strip() for part in parts if part.strip()]


def shipped() -> tuple[Migration, ...]:
    """Every migration of this version, in order."""
    found = [file for file in files("schemas").joinpath("sql").iterdir() if _NAME.match(file.name)]
    return tuple(
        Migration(int(file.name[:4]), file.name, file.read_text()) for file in sorted(found, key=lambda f: f.name)
    )


def migrate(store: Store, migrations: tuple[Migration, ...] | None = None) -> tuple[str, ...]:
    """Apply what is missing in *store*; the names applied. Raises StoreUnavailable, StoreRejected."""
    import clickhouse_connect

    with named_errors(store):
        client = clickhouse_connect.get_client(**arguments(store))
        try:
            client.command(f"CREATE DATABASE IF NOT EXISTS {store.database}")
            client.command(_VERSIONS.format(database=store.database))
            return _apply(client, store, shipped() if migrations is None else migrations)
        finally:
            client.close()


def _apply(client: Any, store: Store, migrations: tuple[Migration, ...]) -> tuple[str, ...]:
    rows = client.query(f"SELECT version, md5 FROM {store.database}.schema_versions FINAL").result_rows
    done = {int(version): str(md5) for version, md5 in rows}
    applied = []
    for migration in migrations:
        if migration.version in done:
            if done[migration.version] != migration.md5:
                raise StoreRejected(f"{migration.name} changed after it was applied; add a new migration instead")
            continue
        for statement in migration.statements(store.database):
            client.command(statement)
        client.insert(
            f"{store.database}.schema_versions",
            [[migration.version, migration.name, migration.md5, migration.script]],
            column_names=["version", "name", "md5", "script"],
        )
        applied.append(migration.name)
    return tuple(applied)
