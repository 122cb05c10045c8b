"""
The embedded ClickHouse engine (chDB) behind a pool of handles; one process holds one folder.

chDB 26.9 gives the output of a query that failed half-way to the next query on the same handle (found, and shown by
tests/contract/test_stale_output.py); so after every exception a handle is asked `SELECT 1` until it answers just that,
and is closed and opened anew when it does not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from schemas.errors import StoreError, StoreLocked, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

FLUSH_TRIES_MAX = 3
WAIT_S = 60.0

_CODE = re.compile(r"Code: (\d+)\.")
_SETTING_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,100}$")


class QueryFailed(StoreError):
    """The engine refused a query; *code* is ClickHouse's."""

    def __init__(self, message: str) -> None:
        match = _CODE.search(message)
        self.code = int(match[1]) if match else 1002
        super().__init__(message)


class Handle:
    """One connection to the engine: its own settings and current database."""

    def __init__(self, path: Path, *, guarded: bool) -> None:
        self._path, self._guarded = path, guarded
        self._connection = self._open()
        self._database = "default"

    def _open(self) -> Any:
        import chdb

        try:
            return chdb.connect(str(self._path))
        except Exception as error:  # chdb raises bare RuntimeError and Exception alike
            raise _opening_failed(self._path, str(error)) from error

    def run(
        self, sql: str, *, form: str, params: Mapping[str, str], settings: Mapping[str, str], database: str
    ) -> bytes:
        """The bytes that *sql* answers in the format *form* (unless the text names its own)."""
        try:
            if database != self._database:
                self._execute(f"USE {quoted_identifier(database)}")
                self._database = database
            self._set(settings)
            try:
                return self._execute(sql, form, params)
            finally:
                self._unset(settings)
        except QueryFailed:
            if self._guarded:
                self._flush()
            raise

    def close(self) -> None:
        """Let go of the engine."""
        self._connection.close()

    def _execute(self, sql: str, form: str = "TabSeparated", params: Mapping[str, str] | None = None) -> bytes:
        try:
            return bytes(self._connection.query(sql, form, params=dict(params or {})).bytes())
        except Exception as error:
            raise QueryFailed(_message_of(error)) from error

    def _set(self, settings: Mapping[str, str]) -> None:
        for name, value in settings.items():
            if not _SETTING_NAME.match(name):
                raise QueryFailed(f"Code: 115. DB::Exception: Unknown setting {name[:100]!r}. (UNKNOWN_SETTING)")
            self._execute(f"SET {name} = {quoted_string(value)}")

    def _unset(self, settings: Mapping[str, str]) -> None:
        for name in settings:
            try:
                self._execute(f"SET {name} = DEFAULT")
            except QueryFailed:
                continue  # it was never set: _set refused it

    def _flush(self) -> None:
        for _ in range(FLUSH_TRIES_MAX):
            try:
                if self._execute("SELECT 1") == b"1\n":
                    return
            except QueryFailed:
                continue
        self._connection.close()
        self._connection = self._open()
        self._database = "default"


class Engine:
    """A pool of *size* handles on the folder *path*; safe to use from as many threads."""

    def __init__(self, path: Path, *, size: int = 4, guarded: bool = True) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.size = size
        self._free: Queue[Handle] = Queue()
        for _ in range(size):
            self._free.put(Handle(path, guarded=guarded))

    def query(
        self,
        sql: str,
        *,
        form: str = "TabSeparated",
        params: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        database: str = "default",
    ) -> bytes:
        """Run *sql*; raises QueryFailed as the engine says it, StoreUnavailable when every handle stays busy."""
        with self._handle() as handle:
            return handle.run(sql, form=form, params=params or {}, settings=settings or {}, database=database)

    def insert(
        self,
        sql: str,
        body: bytes,
        *,
        params: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        database: str = "default",
    ) -> bytes:
        """Run the INSERT *sql*, which ends in FORMAT NAME, with *body* as its data."""
        descriptor = os.memfd_create("insert")
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(body)
            return self.query(
                insert_from_file(sql, f"/proc/{os.getpid()}/fd/{descriptor}"),
                params=params,
                settings=settings,
                database=database,
            )
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close every handle (those in use are waited for)."""
        for _ in range(self.size):
            try:
                self._free.get(timeout=WAIT_S).close()
            except Empty:
                return

    @contextmanager
    def _handle(self) -> Iterator[Handle]:
        try:
            handle = self._free.get(timeout=WAIT_S)
        except Empty:
            raise StoreUnavailable(f"every one of {self.size} handles was busy for {WAIT_S:.0f} s") from None
        try:
            yield handle
        finally:
            self._free.put(handle)


_INSERT_FORMAT = re.compile(r"\s+(?:(SETTINGS\s+.*?)\s+)?FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE | re.DOTALL)


def insert_from_file(sql: str, path: str) -> str:
    """`INSERT INTO t (a) FORMAT Native` as an insert from the file *path*; raises QueryFailed without a FORMAT."""
    match = _INSERT_FORMAT.search(sql)
    if match is None:
        raise QueryFailed("Code: 62. DB::Exception: an INSERT with a body must end in FORMAT name. (SYNTAX_ERROR)")
    settings = f" {match[1]}" if match[1] else ""
    return f"{sql[: match.start()]} FROM INFILE {quoted_string(path)}{settings} FORMAT {match[2]}"


def quoted_string(text: str) -> str:
    """*text* as an SQL string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def quoted_identifier(text: str) -> str:
    """*text* as an SQL identifier."""
    escaped = text.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def _message_of(error: Exception) -> str:
    """The engine's own words, without what chDB wraps around them."""
    text = str(error)
    start = text.find("Code: ")
    return text[start:] if start >= 0 else f"Code: 1002. DB::Exception: {text}"


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
