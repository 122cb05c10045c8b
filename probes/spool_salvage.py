"""
A broken spool at the start: what can be read goes into a new one, the broken file is kept aside, the operator is told.

Nothing else may have the spool open. Rows are read one after the other; where a page is broken, each number of it is
tried, and the next page read on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from probes.spool import Spool
from probes.spool_bounds import CORRUPT, Bounds
from schemas.errors import SpoolError

_TABLES = {  # what is read beside the rows, and put into the new spool
    "ticks": "INSERT OR IGNORE INTO ticks VALUES (?, ?, ?)",
    "templates": "INSERT OR IGNORE INTO templates VALUES (?, ?)",
    "seen": "INSERT OR IGNORE INTO seen VALUES (?, ?)",
    "forgotten": "INSERT OR REPLACE INTO forgotten VALUES (?, ?)",
    "ledger": "INSERT OR REPLACE INTO ledger VALUES (?, ?)",
}
_ROWS = "SELECT seq, body, checksum, at_ms FROM rows"
_HEAD_BYTES = 100
_FILE_BYTES_MAX = 2**40  # a head that says more is broken itself
_MISSES_MAX = 100_000  # numbers in a row that cannot be read, until the rest is given up


@dataclass(frozen=True, slots=True)
class Salvage:
    """What became of a broken spool: where it lies now, the rows that were read, and how many are known to be lost."""

    path: Path
    aside: Path
    why: str
    rows: int
    lost: int

    def __str__(self) -> str:
        return (
            f"{self.path} is broken ({self.why}): {self.rows} observations were saved into a new spool, "
            f"{self.lost} are lost; the broken file is kept as {self.aside.name}"
        )


def salvaged(path: Path, now: datetime) -> Salvage | None:
    """Mend the spool at *path* if it is broken; None when it is whole, or not there. Raises SpoolError."""
    why = _broken(path)
    if why is None:
        return None
    aside = path.with_name(f"{path.stem}.broken-{now:%Y%m%dT%H%M%S}{path.suffix}")
    try:
        for end in ("", "-wal", "-shm"):
            part = path.with_name(path.name + end)
            if part.exists():
                part.rename(aside.with_name(aside.name + end))
    except OSError as error:
        raise SpoolError(f"{path}: is broken, and cannot be set aside: {error}") from error
    _fill_up(aside)
    with closing(Spool(path, Bounds(rows=1))) as fresh:
        rows, lost = fresh.filled(lambda db: _poured(aside, db))
    return Salvage(path, aside, why, rows, lost)


def _broken(path: Path) -> str | None:
    """What is wrong with the file; None when nothing is."""
    if not path.exists() or not path.stat().st_size:
        return None
    try:
        with closing(sqlite3.connect(path, timeout=10)) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found == "ok":
                db.execute("SELECT count(*) FROM ledger").fetchone()
            return None if found == "ok" else " ".join(str(found).split())[:200]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None  # a spool that is just being made
        raise SpoolError(f"{path}: cannot be opened as a spool: {error}") from error
    except sqlite3.DatabaseError as error:
        return str(error)


def _fill_up(file: Path) -> None:
    """Give a file that was cut off its length again, in zeros: SQLite reads nothing at all of one that is too short."""
    with file.open("r+b") as stream:
        head = stream.read(_HEAD_BYTES)
        page_bytes, pages = int.from_bytes(head[16:18]), int.from_bytes(head[28:32])
        if head.startswith(b"SQLite format 3") and file.stat().st_size < page_bytes * pages <= _FILE_BYTES_MAX:
            stream.truncate(page_bytes * pages)


def _poured(broken: Path, into: sqlite3.Connection) -> tuple[int, int]:
    """Put what can be read of *broken* into an open spool; the rows, and how many its ledger says are missing."""
    try:
        old = sqlite3.connect(f"file:{broken}?mode=ro", uri=True, timeout=5)
    except sqlite3.Error:
        return 0, 0
    with closing(old):
        for row in _rows(old):
            into.execute("INSERT OR IGNORE INTO rows (seq, body, checksum, at_ms) VALUES (?, ?, ?, ?)", row)
        for table, insert in _TABLES.items():
            into.executemany(insert, list(_readable(old, f"SELECT * FROM {table}")))
        return _corrected(into)


def _corrected(db: sqlite3.Connection) -> tuple[int, int]:
    """Bring the ledger in line with what is there: the rows, and how many are lost."""
    db.execute("DELETE FROM ticks WHERE template NOT IN (SELECT id FROM templates)")
    whole, bytes_held = db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM rows").fetchone()
    (short,) = db.execute("SELECT count(*) FROM ticks").fetchone()
    rows = whole + short
    ledger = dict(db.execute("SELECT name, value FROM ledger").fetchall())
    lost: int = max(0, ledger["spooled"] - ledger["delivered"] - ledger["dropped"] - rows)
    values = {
        "spooled": ledger["delivered"] + ledger["dropped"] + lost + rows,
        "dropped": ledger["dropped"] + lost,
        CORRUPT: ledger.get(CORRUPT, 0) + lost,
        "bytes": bytes_held,
        "short": short,
    }
    db.executemany("INSERT OR REPLACE INTO ledger VALUES (?, ?)", values.items())
    return rows, lost


def _rows(db: sqlite3.Connection) -> Iterator[Any]:
    """Every row that can be read, ascending."""
    at = -1
    while True:
        for row in _readable(db, f"{_ROWS} WHERE seq > {at} ORDER BY seq"):
            at = row[0]
            yield row
        beyond = _next_readable(db, at)
        if beyond is None:
            return
        at = beyond[0]
        yield beyond


def _next_readable(db: sqlite3.Connection, at: int) -> Any:
    """The next row after number *at* that can be read, beyond what is broken; None when there is none."""
    last = next(_readable(db, "SELECT seq FROM sqlite_sequence WHERE name = 'rows'"), (at + _MISSES_MAX,))[0]
    numbers = range(at + 1, min(last, at + _MISSES_MAX) + 1)
    tries = (next(_readable(db, f"{_ROWS} WHERE seq = {seq}"), None) for seq in numbers)
    return next((row for row in tries if row is not None), None)


def _readable(db: sqlite3.Connection, sql: str) -> Iterator[Any]:
    """The rows of a query up to the first that cannot be read."""
    try:
        yield from db.execute(sql)
    except sqlite3.DatabaseError:
        return
