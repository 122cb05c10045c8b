"""
The agent's spool: observations wait here, on disk, until the collector has them (SQLite, WAL, synchronous FULL).

Rows are numbered without gaps or reuse; a batch is a fixed range of numbers, so that a retry sends the same rows. The
ledger counts what came in, what was delivered and what was dropped; nothing is dropped but when the spool is full.
Two processes may have it open: the worker that puts, and the parent that delivers.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from schemas.errors import SpoolError, WireError
from schemas.observation import Observation
from schemas.wire import from_attributes, to_attributes, to_ns

SEEN_PER_SUBJECT_MAX = 200
PRUNE_EVERY = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batches (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen (subject TEXT NOT NULL, tick_ms INTEGER NOT NULL, PRIMARY KEY (subject, tick_ms))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (subject TEXT PRIMARY KEY, tick_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO ledger VALUES ('spooled', 0), ('delivered', 0), ('dropped', 0);
CREATE TABLE IF NOT EXISTS identity (nonce TEXT NOT NULL);
"""


_LATEST = "ON CONFLICT DO UPDATE SET tick_ms = max(tick_ms, excluded.tick_ms)"
# One statement, so that it is one moment: another process may be pruning.
_SEEN = """SELECT tick_ms, 1 FROM forgotten WHERE subject = ?1
  UNION ALL SELECT tick_ms, 0 FROM seen WHERE subject = ?1"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to hand over together: (seq, observation) ascending. *id* never changes for the same rows."""

    id: int
    rows: tuple[tuple[int, Observation], ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts since the spool was made; pending = spooled - delivered - dropped."""

    spooled: int
    delivered: int
    dropped: int

    @property
    def pending(self) -> int:
        """What waits."""
        return self.spooled - self.delivered - self.dropped


@dataclass(frozen=True, slots=True)
class Seen:
    """The ticks of one subject that left an observation at or after *since*; of those before nothing is remembered."""

    since: datetime
    ticks: frozenset[datetime]

    @property
    def start(self) -> datetime | None:
        """From when on the subject is known to have been probed; None when it is not."""
        return self.since if self.since > _EPOCH else min(self.ticks, default=None)


class Spool:
    """One open spool; use it from one thread at a time. Raises SpoolError."""

    def __init__(self, path: Path, *, rows_max: int) -> None:
        self._path, self._rows_max, self._writes = path, rows_max, 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
            self._db.execute(
                "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)", (os.urandom(8).hex(),)
            )
            self._nonce = str(self._db.execute("SELECT nonce FROM identity").fetchone()[0])
        except (sqlite3.Error, OSError) as error:
            raise SpoolError(f"{path}: cannot be opened as a spool: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def put(self, observations: Sequence[tuple[str, Observation]]) -> None:
        """Store (trail, observation) pairs, all or none, on disk when it returns; the oldest go when full."""
        bodies = [(_packed(observation),) for _, observation in observations]
        seen = [(trail, _ms(o.tick)) for trail, o in observations if o.attempt == 0]
        try:
            with self._transaction():
                self._db.executemany("INSERT INTO rows (body) VALUES (?)", bodies)
                self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", seen)
                self._count("spooled", len(bodies))
                self._drop_overflow()
                self._prune()
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def next_batch(self, rows_max: int) -> Batch | None:
        """The oldest batch not delivered; None when nothing waits. The same one until `delivered` is told of it."""
        try:
            with self._transaction():
                known = self._db.execute("SELECT first, last, id FROM batches ORDER BY first LIMIT 1").fetchone()
                span = known or self._cut_batch(rows_max)
                if span is None:
                    return None
                first, last, id = span
                rows = self._db.execute(
                    "SELECT seq, body FROM rows WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last)
                ).fetchall()
                if not rows:  # dropped meanwhile
                    self._db.execute("DELETE FROM batches WHERE first = ?", (first,))
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be read: {error}") from error
        if not rows:
            return self.next_batch(rows_max)
        try:
            return Batch(id, tuple((seq, _unpacked(body)) for seq, body in rows))
        except (WireError, ValueError) as error:
            raise SpoolError(f"{self._path}: a row cannot be read: {error}") from error

    def delivered(self, batch: Batch) -> None:
        """Forget *batch*: the collector has it."""
        first, last = batch.rows[0][0], batch.rows[-1][0]
        try:
            with self._transaction():
                gone = self._db.execute("DELETE FROM rows WHERE seq BETWEEN ? AND ?", (first, last)).rowcount
                self._db.execute("DELETE FROM batches WHERE id = ?", (batch.id,))
                self._count("delivered", gone)
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def seen(self, trail: str) -> Seen | None:
        """The ticks remembered of *trail*; None when it was never probed."""
        return _seen_in(self._read(_SEEN, trail))

    def forget(self, until: Mapping[str, datetime]) -> None:
        """Remember of each trail nothing up to its instant any more: it begins there, or all is well until then."""
        rows = [(trail, _ms(instant)) for trail, instant in until.items()]
        try:
            with self._transaction():
                self._db.executemany("DELETE FROM seen WHERE subject = ? AND tick_ms <= ?", rows)
                self._db.executemany(f"INSERT INTO forgotten VALUES (?, ?) {_LATEST}", rows)
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def ledger(self) -> Ledger:
        """What came in, what went, what was dropped."""
        values = dict(self._read("SELECT name, value FROM ledger"))
        return Ledger(values["spooled"], values["delivered"], values["dropped"])

    def _read(self, sql: str, *parameters: object) -> list[Any]:
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be read: {error}") from error

    def _cut_batch(self, rows_max: int) -> tuple[int, int, int] | None:
        first, last = self._db.execute(
            "SELECT min(seq), max(seq) FROM (SELECT seq FROM rows ORDER BY seq LIMIT ?)", (rows_max,)
        ).fetchone()
        if first is None:
            return None
        digest = hashlib.sha256(f"{self._nonce}|{first}|{last}".encode()).digest()
        id = int.from_bytes(digest[:8]) >> 1  # SQLite's integers are signed
        self._db.execute("INSERT INTO batches VALUES (?, ?, ?)", (first, last, id))
        return first, last, id

    def _drop_overflow(self) -> None:
        waiting = self.ledger().pending
        if waiting > self._rows_max:
            excess = waiting - self._rows_max
            self._db.execute("DELETE FROM rows WHERE seq IN (SELECT seq FROM rows ORDER BY seq LIMIT ?)", (excess,))
            self._count("dropped", excess)

    def _prune(self) -> None:
        self._writes += 1
        if self._writes % PRUNE_EVERY:
            return
        self._db.execute(
            f"""INSERT INTO forgotten SELECT subject, tick_ms FROM
                (SELECT subject, tick_ms, row_number() OVER (PARTITION BY subject ORDER BY tick_ms DESC) AS age
                 FROM seen) WHERE age = ? {_LATEST}""",
            (SEEN_PER_SUBJECT_MAX + 1,),
        )
        self._db.execute(
            """DELETE FROM seen WHERE tick_ms <=
               coalesce((SELECT tick_ms FROM forgotten WHERE forgotten.subject = seen.subject), -1)"""
        )

    def _count(self, name: str, more: int) -> None:
        self._db.execute("UPDATE ledger SET value = value + ? WHERE name = ?", (more, name))

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK when the block raises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:
            self._db.execute("ROLLBACK")


class SpoolView:
    """A spool that another process has open, or has left: for reading only. Raises SpoolError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5, check_same_thread=False)
        except sqlite3.Error as error:
            raise SpoolError(f"{path}: cannot be read: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def seen(self, trail: str) -> Seen | None:
        """As Spool.seen."""
        return _seen_in(self._read(_SEEN, trail))

    def ledger(self) -> Ledger:
        """As Spool.ledger."""
        values = dict(self._read("SELECT name, value FROM ledger"))
        return Ledger(values["spooled"], values["delivered"], values["dropped"])

    def _read(self, sql: str, *parameters: object) -> list[Any]:
        try:
            return self._db.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be read: {error}") from error


def joined(seens: Iterable[Seen | None]) -> Seen | None:
    """What several spools remember of one subject, which each had for a time: whole since the latest *since*."""
    known = [seen for seen in seens if seen is not None]
    if not known:
        return None
    since = max(seen.since for seen in known)
    return Seen(since, frozenset(tick for seen in known for tick in seen.ticks if tick >= since))


def _seen_in(rows: Sequence[tuple[int, int]]) -> Seen | None:
    """What *rows* remember: (newest tick that was forgotten, 1), if any was, and (a tick that was seen, 0) for each."""
    if not rows:
        return None
    since_ms = max((tick + 1 for tick, forgotten in rows if forgotten), default=0)
    ticks = frozenset(_at(tick) for tick, forgotten in rows if not forgotten and tick >= since_ms)
    return Seen(_at(since_ms), ticks)


def _at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _packed(observation: Observation) -> bytes:
    return orjson.dumps([to_attributes(observation), to_ns(observation.started_at), to_ns(observation.finished_at)])


def _unpacked(body: bytes) -> Observation:
    attributes, start_ns, end_ns = orjson.loads(body)
    return from_attributes(attributes, start_ns=start_ns, end_ns=end_ns)


def _ms(stamp: datetime) -> int:
    return (stamp - _EPOCH) // timedelta(milliseconds=1)
