"""
The embedded ClickHouse engine (chDB) behind a pool of handles; one process holds one folder.

chDB 26.9 gives the output of a query that failed half-way to the next query on the same handle (found, and shown by
tests/contract/test_stale_output.py); so after every exception a handle is asked `SELECT 1` until it answers just that,
and is closed and opened anew when it does not.
"""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from collector.storage.embedded.engine_files import write_engine_files
from collector.storage.embedded.exceptions import QueryFailed, failed, words_of
from collector.storage.embedded.limits import Limits
from collector.storage.embedded.running import Running
from collector.storage.embedded.statements import Kind, Statement, check
from schemas.errors import StoreError, StoreLocked, StoreUnavailable

logger = logging.getLogger(__name__)

FLUSH_TRIES_MAX = 3

# A setting without any effect here, by whose value the queries of a handle are found in system.processes.
_MARK = "mysql_max_rows_to_insert"
_SETTING_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,100}$")
_INSERT_END = re.compile(r"\s+(?:(SETTINGS\s+.*?)\s+)?(?:FORMAT\s+(\w+)|(VALUES))\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_DETACHED = "SELECT database, table, name, reason FROM system.detached_parts ORDER BY database, table, name LIMIT 20"


@dataclass(frozen=True, slots=True)
class Question:
    """A query, or an INSERT and its data."""

    sql: str
    body: bytes | None = None
    form: str = "TabSeparated"
    params: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine answered, and what it cost."""

    content: bytes
    reads: bool
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    elapsed_s: float = 0.0


class Handle:
    """One connection to the engine: its own settings, current database and temporary tables."""

    def __init__(self, engine: Engine, *, reading: bool, lasting: bool = False) -> None:
        self._engine, self.reading, self._lasting = engine, reading, lasting
        self.number = engine.next_number()
        self.broken = False
        self._open()

    def _open(self) -> None:
        self._connection = self._engine.connect()
        self._database = "default"
        self._applied: dict[str, str] = {}
        mark = f"SET {_MARK} = {self.number}"
        self._execute(f"{mark}, readonly = 2" if self.reading else mark)

    def run(self, question: Question, *, reading: bool = False, running: Running | None = None) -> Answer:
        """The answer to *question*; raises QueryFailed. *reading*: it may only read."""
        reading = reading or self.reading
        try:
            statement = self._examined(question, reading)
            if running is not None:
                running.start(self.number, changes=not statement.reads)
            with self._in_place(question):
                answer = self._insert(question) if question.body is not None else self._ask(question, statement)
        except QueryFailed:
            self._flush()
            raise
        if statement.lasts and not self._lasting:
            self.broken = True
        return answer

    def close(self) -> None:
        """Let go of the engine."""
        self._connection.close()

    def plain(self, sql: str, params: Mapping[str, str] | None = None) -> str:
        """The text that a query of our own answers."""
        return self._execute(sql, "TabSeparatedRaw", params).decode()

    def _examined(self, question: Question, reading: bool) -> Statement:
        sql = question.sql
        if question.body is not None and _INSERT_END.search(sql) is None:
            sql = f"{sql.rstrip().rstrip(';')} FORMAT Values"
        found = self._connection._conn.classify_query(sql)
        statement = Statement(sql, Kind(found["query_class"].name), found["statement_count"])
        if statement.count == 0:
            self._execute("SELECT formatQuery({query:String})", "Null", {"query": sql})
            raise failed(62, "SYNTAX_ERROR", "Syntax error: the engine cannot read this query")
        check(statement, reading=reading, tree=partial(self._tree, sql, question.params))
        return statement

    def _tree(self, sql: str, params: Mapping[str, str]) -> str:
        return self._execute(f"EXPLAIN AST {sql}", "TabSeparatedRaw", params).decode()

    def _ask(self, question: Question, statement: Statement) -> Answer:
        result = self._result(question.sql, question.form, question.params)
        return Answer(
            content=bytes(result.bytes()),
            reads=statement.reads,
            read_rows=result.storage_rows_read(),
            read_bytes=result.storage_bytes_read(),
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            result_rows=result.rows_read(),
            elapsed_s=result.elapsed(),
        )

    def _insert(self, question: Question) -> Answer:
        """
        Insert the body from a file in memory.

        Not by chDB's `send_insert`: that reports rows as written which it could not commit, as on a full disk.
        """
        assert question.body is not None
        descriptor = os.memfd_create("insert")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(question.body)
            sql = insert_from_file(question.sql, f"/proc/{os.getpid()}/fd/{descriptor}")
            result = self._result(sql, "Null", question.params)
        finally:
            os.close(descriptor)
        return Answer(
            b"",
            reads=False,
            written_rows=result.rows_written(),
            written_bytes=result.bytes_written(),
            elapsed_s=result.elapsed(),
        )

    @contextmanager
    def _in_place(self, question: Question) -> Iterator[None]:
        """In the database and with the settings of *question*."""
        if not self._lasting:
            self._use(question.database or "default")
            self._apply(question.settings)
            yield
            return
        before = self._lasting_state(question)
        if question.database:
            self._execute(f"USE {quoted_identifier(question.database)}")
        self._execute_settings(question.settings)
        try:
            yield
        finally:
            with suppress(QueryFailed):
                self._execute_settings(before)
            if question.database:
                with suppress(QueryFailed):
                    self._execute(f"USE {quoted_identifier(self._database)}")

    def _lasting_state(self, question: Question) -> dict[str, str]:
        """What a session has set itself, of what *question* changes for a moment."""
        self._database = self.plain("SELECT currentDatabase()").rstrip("\n")
        for name in question.settings:
            _checked_name(name)
        values = {
            name: self.plain("SELECT value FROM system.settings WHERE name = {name:String}", {"name": name})
            for name in question.settings
        }
        return {name: value.rstrip("\n") for name, value in values.items()}

    def _use(self, database: str) -> None:
        if database != self._database:
            self._execute(f"USE {quoted_identifier(database)}")
            self._database = database

    def _apply(self, settings: Mapping[str, str]) -> None:
        """Change what differs from the query before: most clients send the same settings each time."""
        usual = self._engine.usual_settings
        wanted = {name: value for name, value in settings.items() if self._applied.get(name) != value}
        dropped = {name: usual.get(name) for name in self._applied if name not in settings}
        if not wanted and not dropped:
            return
        self.broken = True  # until it has worked: a SET that fails may have been applied in part
        self._execute_settings({**dropped, **wanted})
        self._applied, self.broken = dict(settings), False

    def _execute_settings(self, settings: Mapping[str, str | None]) -> None:
        if not settings:
            return
        for name in settings:
            _checked_name(name)
        changes = (f"{n} = {'DEFAULT' if v is None else quoted_string(v)}" for n, v in settings.items())
        self._execute(f"SET {', '.join(changes)}")

    def _execute(self, sql: str, form: str = "TabSeparated", params: Mapping[str, str] | None = None) -> bytes:
        return bytes(self._result(sql, form, params).bytes())

    def _result(self, sql: str, form: str, params: Mapping[str, str] | None) -> Any:
        try:
            return self._connection.query(sql, form, params=dict(params or {}))
        except Exception as error:  # chdb raises bare RuntimeError and Exception alike
            raise QueryFailed(words_of(error)) from error

    def _flush(self) -> None:
        if not self._engine.guarded:
            return
        for _ in range(FLUSH_TRIES_MAX):
            try:
                if self._execute("SELECT 1") == b"1\n":
                    return
            except QueryFailed:
                continue
        self.broken = True


class Engine:
    """The engine on the folder *path*, and its handles; safe to use from several threads."""

    def __init__(
        self, path: Path, *, guarded: bool = True, limits: Limits | None = None, backups: Path | None = None
    ) -> None:
        self.path, self.guarded, self.limits = path.absolute(), guarded, limits or Limits()
        self._numbers = count(1)
        self._lock = Lock()
        self._free: dict[bool, deque[Handle]] = {False: deque(), True: deque()}
        self._files = TemporaryDirectory(prefix="touchstone-engine-")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if backups is not None:
                backups.mkdir(parents=True, exist_ok=True)
            main = write_engine_files(Path(self._files.name), limits=self.limits, backups=backups)
            self._address = f"{self.path}?config-file={main}"
            self.usual_settings: Mapping[str, str] = {**self.limits.settings(), "implicit_select": "0"}
            self._control = self._opened()
        except OSError as error:
            self._files.cleanup()
            raise StoreUnavailable(f"{path} cannot be opened: {error.strerror}") from error
        except StoreError:
            self._files.cleanup()
            raise

    def _opened(self) -> Handle:
        """The handle of our own, on a folder whose database `default` shows no files of this machine."""
        control = Handle(self, reading=False)
        self._make_default_plain(control)
        self.version, self.timezone = control.plain("SELECT version(), timezone()").rstrip("\n").split("\t")
        for line in control.plain(_DETACHED).splitlines():
            database, table, name, reason = line.split("\t")
            logger.warning("%s.%s: the part %s is detached (%s): its rows are missing", database, table, name, reason)
        return control

    def _make_default_plain(self, control: Handle) -> None:
        """
        chDB's own `default` finds a file of that name for every table that is not there; a plain database does not.

        Made anew while it is empty, attached in place of chDB's when it holds tables.
        """
        metadata = self.path / "metadata"
        if not any((metadata / "default").glob("*.sql")) and not control.plain("SHOW TABLES FROM default"):
            control.plain("DROP DATABASE default")
            control.plain("CREATE DATABASE default ENGINE = Atomic")
        elif (metadata / "default.sql").exists():
            control.plain("DETACH DATABASE default")
            control.plain("ATTACH DATABASE default")
        else:
            logger.warning("%s: `default` is chDB's own: a query can read files of this machine in it", self.path)

    def connect(self) -> Any:
        """A connection of chDB; raises StoreLocked, StoreUnavailable."""
        import chdb

        try:
            return chdb.connect(self._address)
        except Exception as error:  # chdb raises bare RuntimeError and Exception alike
            raise _opening_failed(self.path, str(error)) from error

    def next_number(self) -> int:
        """A mark for a handle, never used before."""
        return next(self._numbers)

    def query(self, question: Question, *, reading: bool = False, running: Running | None = None) -> Answer:
        """The answer to *question*, on a handle of the pool; raises QueryFailed as the engine says it."""
        handle = self._take(reading)
        try:
            return handle.run(question, reading=reading, running=running)
        finally:
            if running is not None:
                running.end()
            self._give_back(handle)

    def kill(self, number: int) -> None:
        """Cancel what runs on the handle with this mark."""
        with self._lock:
            self._control.plain(f"KILL QUERY WHERE Settings['{_MARK}'] = '{number}' ASYNC")

    def engine_id(self, number: int) -> str:
        """The engine's own id of what runs on the handle with this mark; empty when nothing does."""
        with self._lock:
            return self._control.plain(
                f"SELECT query_id FROM system.processes WHERE Settings['{_MARK}'] = '{number}'"
            ).rstrip("\n")

    def close(self) -> None:
        """Close every handle; none may be in use."""
        for handles in self._free.values():
            while handles:
                handles.pop().close()
        self._control.close()
        self._files.cleanup()

    def _take(self, reading: bool) -> Handle:
        try:
            return self._free[reading].pop()
        except IndexError:
            return Handle(self, reading=reading)

    def _give_back(self, handle: Handle) -> None:
        if handle.broken:
            handle.close()
        else:
            self._free[handle.reading].append(handle)


def insert_from_file(sql: str, path: str) -> str:
    """`INSERT INTO t (a) SETTINGS x = 1 FORMAT Native` as an insert from the file *path*; Values when none is named."""
    match = _INSERT_END.search(sql)
    head, settings, form = (sql[: match.start()], match[1], match[2]) if match else (sql.rstrip().rstrip(";"), "", "")
    settings = f" {settings}" if settings else ""
    return f"{head} FROM INFILE {quoted_string(path)} COMPRESSION 'none'{settings} FORMAT {form or 'Values'}"


def quoted_string(text: str) -> str:
    """*text* as an SQL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quoted_identifier(text: str) -> str:
    """*text* as an SQL identifier."""
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _checked_name(name: str) -> None:
    if not _SETTING_NAME.match(name):
        raise failed(115, "UNKNOWN_SETTING", f"Unknown setting {name[:100]!r}")


def _opening_failed(path: Path, message: str) -> StoreError:
    if "EmbeddedServer" in message:
        holder = re.search(r"PID: (\d+)", _status_of(path))
        who = f"the process {holder[1]}" if holder else "another process"
        return StoreLocked(f"{path} is held by {who}; stop it, or give this store another folder")
    return StoreUnavailable(f"{path} cannot be opened: {message[:300]}")


def _status_of(path: Path) -> str:
    try:
        return (path / "status").read_text()
    except OSError:
        return ""
