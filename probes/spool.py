"""
The agent's spool: observations wait here, on disk, until the collector has them (SQLite, WAL, synchronous FULL).

Rows are numbered without gaps or reuse; a batch is a fixed range of numbers, so that a retry sends the same rows. A row
holds the bytes of its span, with a checksum. Of the oldest, when there are too many, only the ticks are left
(spool_bounds.py): they stand in a table of their own, and all their numbers are lower. Two processes may have it open:
the worker that puts, and the parent that delivers.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import orjson

from probes.span_bytes import numbered, observation_of, span_bytes
from probes.spool_bounds import CORRUPT, SHORT_SPAN_BYTES, Bounds, count, keep_bounds, restored
from schemas.errors import SpoolError, WireError
from schemas.observation import Observation
from schemas.wire import from_attributes

logger = logging.getLogger(__name__)
T = TypeVar("T")

SEEN_PER_SUBJECT_MAX = 200
PRUNE_EVERY = 50
ROOM_BYTES = 2 * 1024 * 1024  # a put leaves so much of the disk, or a full one could not even be told of deliveries
CHECKPOINT_PAGES = 128  # 512 KiB: what waits in SQLite's log for its place in the file
BATCH_BYTES_MAX = 4 * 1024 * 1024  # of spans; the collector takes four times as much
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (seq INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batches (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen (subject TEXT NOT NULL, tick_ms INTEGER NOT NULL, PRIMARY KEY (subject, tick_ms))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (subject TEXT PRIMARY KEY, tick_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO ledger VALUES ('spooled', 0), ('delivered', 0), ('dropped', 0), ('shortened', 0), ('short', 0),
  ('bytes', 0);
CREATE TABLE IF NOT EXISTS identity (nonce TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ticks (seq INTEGER PRIMARY KEY, template INTEGER NOT NULL, tick_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS templates (id INTEGER PRIMARY KEY, body BLOB NOT NULL UNIQUE);
"""
_COLUMNS = ("checksum INTEGER NOT NULL DEFAULT 0", "at_ms INTEGER NOT NULL DEFAULT 0")  # when it was put
_VERSION = 1

_LATEST = "ON CONFLICT DO UPDATE SET tick_ms = max(tick_ms, excluded.tick_ms)"
# One statement, so that it is one moment: another process may be pruning.
_SEEN = """SELECT tick_ms, 1 FROM forgotten WHERE subject = ?1
  UNION ALL SELECT tick_ms, 0 FROM seen WHERE subject = ?1"""


@dataclass(frozen=True, slots=True)
class Batch:
    """
    Spans to hand over together: (seq, bytes of the span) ascending. *id* never changes for the same rows.

    after is the id of the batch before it, when that one was not yet delivered as this one was read.
    """

    id: int
    rows: tuple[tuple[int, bytes], ...]
    after: int | None = None

    @property
    def spans_bytes(self) -> int:
        """Of all spans together."""
        return sum(len(span) for _, span in self.rows)

    def spans(self) -> list[bytes]:
        """The spans as they are shipped: each with the batch and its number there."""
        return [numbered(span, self.id, seq) for seq, span in self.rows]

    def observations(self) -> list[Observation]:
        """What the spans say."""
        return [observation_of(span) for _, span in self.rows]


@dataclass(frozen=True, slots=True)
class Ledger:
    """
    Counts since the spool was made; pending = spooled - delivered - dropped.

    shortened: rows of which only the tick was kept. costs: what each bound cost, as `shortened_bytes`.
    """

    spooled: int
    delivered: int
    dropped: int
    shortened: int = 0
    costs: Mapping[str, int] = field(default_factory=dict)

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

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._path, self._bounds, self._writes = path, bounds, 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=OFF")  # nothing secret is in a span, and zeros are written like rows
            self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            self._db.executescript(SCHEMA)
            with _Transaction(self._db):
                _bring_up_to_date(self._db)
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
        """Store (trail, observation) pairs, all or none, on disk when it returns; what that costs is in the ledger."""
        spans = [span_bytes(observation) for _, observation in observations]
        at_ms = max((_ms(o.finished_at) for _, o in observations), default=0)
        rows = [(span, crc32(span), at_ms) for span in spans]
        seen = [(trail, _ms(o.tick)) for trail, o in observations if o.attempt == 0]
        self._check_room(sum(map(len, spans)))
        try:
            with _Transaction(self._db):
                self._db.executemany("INSERT INTO rows (body, checksum, at_ms) VALUES (?, ?, ?)", rows)
                self._db.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", seen)
                count(self._db, "spooled", len(rows))
                count(self._db, "bytes", sum(map(len, spans)))
                keep_bounds(self._db, self._bounds, at_ms, came=len(rows))
                self._prune()
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def next_batch(self, rows_max: int, after: Batch | None = None) -> Batch | None:
        """
        The oldest batch not delivered, of those behind *after*; None when nothing waits.

        The same one until `delivered` is told of it.
        """
        behind = after.rows[-1][0] if after is not None else -1
        oldest = "SELECT first, last, id FROM batches WHERE first > ? ORDER BY first LIMIT 1"
        while True:
            try:
                with _Transaction(self._db):
                    cut = self._db.execute(oldest, (behind,)).fetchone() or self._cut_batch(rows_max, behind)
                    if cut is None:
                        return None
                    first, last, id = cut
                    rows = self._readable(first, last)
                    if not rows:  # dropped meanwhile, or broken
                        self._db.execute("DELETE FROM batches WHERE first = ?", (first,))
            except sqlite3.Error as error:
                raise SpoolError(f"{self._path}: cannot be read: {error}") from error
            if rows:
                return Batch(id, tuple(rows), None if after is None else after.id)

    def delivered(self, batch: Batch) -> None:
        """Forget *batch*: the collector has it."""
        first, last = batch.rows[0][0], batch.rows[-1][0]
        try:
            self._forget_rows(batch.id, first, last)
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def _forget_rows(self, batch_id: int, first: int, last: int) -> None:
        with _Transaction(self._db):
            held = "SELECT coalesce(sum(length(body)), 0) FROM rows WHERE seq BETWEEN ? AND ?"
            (bytes_held,) = self._db.execute(held, (first, last)).fetchone()
            whole, short = (
                self._db.execute(f"DELETE FROM {table} WHERE seq BETWEEN ? AND ?", (first, last)).rowcount
                for table in ("rows", "ticks")
            )
            self._db.execute("DELETE FROM batches WHERE id = ?", (batch_id,))
            count(self._db, "delivered", whole + short)
            count(self._db, "bytes", -bytes_held)
            count(self._db, "short", -short)

    def seen(self, trail: str) -> Seen | None:
        """The ticks remembered of *trail*; None when it was never probed."""
        return _seen_in(_read(self._db, self._path, _SEEN, trail))

    def forget(self, until: Mapping[str, datetime]) -> None:
        """Remember of each trail nothing up to its instant any more: it begins there, or all is well until then."""
        rows = [(trail, _ms(instant)) for trail, instant in until.items()]
        try:
            with _Transaction(self._db):
                self._db.executemany("DELETE FROM seen WHERE subject = ? AND tick_ms <= ?", rows)
                self._db.executemany(f"INSERT INTO forgotten VALUES (?, ?) {_LATEST}", rows)
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def ledger(self) -> Ledger:
        """What came in, what went, what the bounds cost."""
        return _ledger_in(_read(self._db, self._path, "SELECT name, value FROM ledger"))

    def filled(self, pour: Callable[[sqlite3.Connection], T]) -> T:
        """What *pour* returns, which put into a new spool what was saved from another, all or nothing."""
        try:
            with _Transaction(self._db):
                return pour(self._db)
        except sqlite3.Error as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error

    def _check_room(self, bytes_wanted: int) -> None:
        """Raise SpoolError when there is no room for so many bytes in the log and in the file, and to spare."""
        try:
            if self._free_bytes() >= ROOM_BYTES + 2 * bytes_wanted:
                return
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            (pages,) = self._db.execute("PRAGMA freelist_count").fetchone()
            (page_bytes,) = self._db.execute("PRAGMA page_size").fetchone()
            spare = self._free_bytes() - ROOM_BYTES
        except (OSError, sqlite3.Error) as error:
            raise SpoolError(f"{self._path}: cannot be written: {error}") from error
        if spare < bytes_wanted or spare + pages * page_bytes < 2 * bytes_wanted:
            raise SpoolError(f"{self._path}: cannot be written: the disk is full")

    def _free_bytes(self) -> int:
        disk = os.statvfs(self._path.parent)
        return disk.f_bavail * disk.f_frsize

    def _cut_batch(self, rows_max: int, behind: int) -> tuple[int, int, int] | None:
        """The oldest rows behind a number, as many as a delivery may have and hold, as a batch that stays."""
        sizes = self._db.execute(
            f"""SELECT * FROM (SELECT seq, {SHORT_SPAN_BYTES} FROM ticks WHERE seq > ?2 ORDER BY seq LIMIT ?1)
                UNION ALL SELECT * FROM (SELECT seq, length(body) FROM rows WHERE seq > ?2 ORDER BY seq LIMIT ?1)
                ORDER BY seq LIMIT ?1""",
            (rows_max, behind),
        ).fetchall()
        if not sizes:
            return None
        first, last, total = sizes[0][0], sizes[0][0], 0
        for seq, size in sizes:
            total += size
            if total > BATCH_BYTES_MAX and seq != first:
                break
            last = seq
        digest = hashlib.sha256(f"{self._nonce}|{first}|{last}".encode()).digest()
        id = int.from_bytes(digest[:8]) >> 1  # SQLite's integers are signed
        self._db.execute("INSERT INTO batches VALUES (?, ?, ?)", (first, last, id))
        return first, last, id

    def _readable(self, first: int, last: int) -> list[tuple[int, bytes]]:
        """The spans of a range; a row that is not what was put is dropped, counted and told."""
        ticks = self._db.execute(
            """SELECT seq, body, tick_ms FROM ticks JOIN templates ON id = template
               WHERE seq BETWEEN ? AND ? ORDER BY seq""",
            (first, last),
        )
        found = [(seq, span_bytes(restored(body, tick_ms))) for seq, body, tick_ms in ticks]
        rows = self._db.execute(
            "SELECT seq, body, checksum FROM rows WHERE seq BETWEEN ? AND ? ORDER BY seq", (first, last)
        )
        broken, broken_bytes = list[int](), 0
        for seq, body, checksum in rows.fetchall():
            if isinstance(body, bytes) and crc32(body) == checksum:
                found.append((seq, body))
            else:
                broken.append(seq)
                broken_bytes += len(body)
        if broken:
            logger.error("%s: %d rows are broken and were dropped: %s", self._path, len(broken), broken[:5])
            self._db.executemany("DELETE FROM rows WHERE seq = ?", [(seq,) for seq in broken])
            count(self._db, "dropped", len(broken))
            count(self._db, CORRUPT, len(broken))
            count(self._db, "bytes", -broken_bytes)
        return found

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
        self._db.execute("DELETE FROM templates WHERE NOT EXISTS (SELECT 1 FROM ticks)")


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK when the block raises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                with suppress(sqlite3.Error):
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
        return _seen_in(_read(self._db, self._path, _SEEN, trail))

    def ledger(self) -> Ledger:
        """As Spool.ledger."""
        return _ledger_in(_read(self._db, self._path, "SELECT name, value FROM ledger"))


def joined(seens: Iterable[Seen | None]) -> Seen | None:
    """What several spools remember of one subject, which each had for a time: whole since the latest *since*."""
    known = [seen for seen in seens if seen is not None]
    if not known:
        return None
    since = max(seen.since for seen in known)
    return Seen(since, frozenset(tick for seen in known for tick in seen.ticks if tick >= since))


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    """Give a spool of an earlier version its columns, and its rows, which were JSON, the bytes of their spans."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= _VERSION:
        return
    for column in _COLUMNS:
        db.execute(f"ALTER TABLE rows ADD COLUMN {column}")
    total = 0
    for (seq,) in db.execute("SELECT seq FROM rows ORDER BY seq").fetchall():
        (body,) = db.execute("SELECT body FROM rows WHERE seq = ?", (seq,)).fetchone()
        with suppress(
            WireError, ValueError
        ):  # one that cannot be read has no checksum: it is dropped when its turn comes
            attributes, start_ns, end_ns = orjson.loads(body)
            body = span_bytes(from_attributes(attributes, start_ns=start_ns, end_ns=end_ns))
            row = (body, crc32(body), end_ns // 1_000_000, seq)
            db.execute("UPDATE rows SET body = ?, checksum = ?, at_ms = ? WHERE seq = ?", row)
        total += len(body)
    count(db, "bytes", total)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _read(db: sqlite3.Connection, path: Path, sql: str, *parameters: object) -> list[Any]:
    try:
        return db.execute(sql, parameters).fetchall()
    except sqlite3.Error as error:
        raise SpoolError(f"{path}: cannot be read: {error}") from error


def _ledger_in(rows: Iterable[tuple[str, int]]) -> Ledger:
    values = dict(rows)
    costs = {name: value for name, value in values.items() if "_" in name and value}
    return Ledger(values["spooled"], values["delivered"], values["dropped"], values.get("shortened", 0), costs)


def _seen_in(rows: Sequence[tuple[int, int]]) -> Seen | None:
    """What *rows* remember: (newest tick that was forgotten, 1), if any was, and (a tick that was seen, 0) for each."""
    if not rows:
        return None
    since_ms = max((tick + 1 for tick, forgotten in rows if forgotten), default=0)
    ticks = frozenset(_at(tick) for tick, forgotten in rows if not forgotten and tick >= since_ms)
    return Seen(_at(since_ms), ticks)


def _at(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _ms(stamp: datetime) -> int:
    return (stamp - _EPOCH) // timedelta(milliseconds=1)
