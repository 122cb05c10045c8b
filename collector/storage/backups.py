"""
Backups of the whole database by ClickHouse's own BACKUP and RESTORE: parts are hard-linked first, so writes go on.

A backup goes to a file in the server's backup folder (`store.embedded.backups` of the embedded store), or, with
`store.backup_disk`, to that disk of a ClickHouse server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from collector.storage.connection import opened, rows_of
from schemas.config import Store
from schemas.errors import StoreRejected

POLL_S = 0.2
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
DATABASE = re.compile(r"^[a-z][a-z0-9_]{0,62}$")

_STATE = """SELECT status, error, files_read, num_files, total_size FROM system.backups WHERE id = {id:String}"""
_FILLED = """
SELECT count() FROM system.tables WHERE database = {name:String} AND ifNull(total_rows, 0) > 0"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a backup or a restore is; *size* in bytes, before compression."""

    status: str
    files_done: int
    files: int
    size: int


def back_up(
    store: Store, name: str, on_progress: Callable[[Progress], None], sleep: Callable[[float], None]
) -> Progress:
    """Back *store* up as *name*; raises StoreRejected when there is one of that name, or it cannot be written."""
    with opened(store) as driver:
        return _run(driver, store, f"BACKUP DATABASE {store.database} TO {place(store, name)}", on_progress, sleep)


def restore(
    store: Store,
    name: str,
    database: str,
    on_progress: Callable[[Progress], None],
    sleep: Callable[[float], None],
) -> Progress:
    """Bring the backup *name* back as *database*, which must hold no rows; raises StoreRejected."""
    with opened(store) as driver:
        if rows_of(driver, store, _FILLED, name=database)[0][0]:
            raise StoreRejected(
                f"the database {database} holds rows; restore beside it with --database NAME, or drop it first"
            )
        sql = f"RESTORE DATABASE {store.database} AS {database} FROM {place(store, name)}"
        return _run(driver, store, sql, on_progress, sleep)


def place(store: Store, name: str) -> str:
    """Where the backup *name* is, in SQL; raises StoreRejected for a name that would lead elsewhere."""
    if not NAME.match(name):
        raise StoreRejected(f"{name[:100]!r} is no name of a backup: letters, digits, dots, dashes, at most 100")
    if store.backup_disk is not None:
        return f"Disk('{store.backup_disk}', '{name}')"
    return f"File('{name}.tar.zst')"


def _run(
    driver: Any, store: Store, sql: str, on_progress: Callable[[Progress], None], sleep: Callable[[float], None]
) -> Progress:
    """Start *sql* in the background and follow it to its end."""
    id, _ = rows_of(driver, store, f"{sql} ASYNC")[0]
    while True:
        status, error, done, files, size = rows_of(driver, store, _STATE, id=id)[0]
        progress = Progress(status, done, files, size)
        on_progress(progress)
        if status.endswith(("_FAILED", "_CANCELLED")):
            raise StoreRejected(f"{status.lower().replace('_', ' ')}: {error.partition('Stack trace')[0][:500]}")
        if status in {"BACKUP_CREATED", "RESTORED"}:
            return progress
        sleep(POLL_S)
