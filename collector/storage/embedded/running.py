"""The queries under way by the id that clients gave them, so that they can be cancelled."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock

from collector.storage.embedded.exceptions import Refused, failed

REPLACE_S = 5.0

_KILL = re.compile(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*KILL\s+QUERY\s", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class Running:
    """One query; *number* is the mark of the handle it runs on, 0 until it has one."""

    query_id: str
    number: int = 0
    changes: bool = False
    ended: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)
    _cancelled: bool = False

    def start(self, number: int, *, changes: bool) -> None:
        """It has come to a handle; raises QueryFailed (394) when it was cancelled before."""
        with self._lock:
            self.number, self.changes = number, changes
            if self._cancelled:
                raise cancelled()

    def end(self) -> None:
        """It has left its handle; from here on nothing that is cancelled can be another's query."""
        with self._lock:
            self.number = 0
            self.ended.set()

    def cancel(self, kill: Callable[[int], None]) -> None:
        """Cancel it, when it has not ended; *kill* cancels what runs on a handle."""
        with self._lock:
            self._cancelled = True
            if self.number:
                kill(self.number)


class RunningQueries:
    """Every query under way."""

    def __init__(self) -> None:
        self._all: dict[str, Running] = {}
        self._lock = Lock()

    def add(self, query_id: str) -> Running:
        """A new one; raises Refused (216) when one with this id runs."""
        with self._lock:
            if query_id in self._all:
                raise Refused(
                    500, 216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", f"Query with id = {query_id} is already running"
                )
            running = self._all[query_id] = Running(query_id)
            return running

    def remove(self, running: Running) -> None:
        """It has ended, or never began."""
        with self._lock:
            self._all.pop(running.query_id, None)
        running.end()

    def find(self, query_id: str) -> Running | None:
        """The one with this id."""
        with self._lock:
            return self._all.get(query_id)

    def all(self) -> list[Running]:
        """Those under way now."""
        with self._lock:
            return list(self._all.values())

    def in_the_engines_words(
        self, sql: str, params: Mapping[str, str], engine_id: Callable[[int], str]
    ) -> tuple[str, Mapping[str, str]]:
        """A KILL QUERY with the engine's ids in place of the clients': the engine names its queries itself."""
        if not _KILL.match(sql):
            return sql, params
        changed = dict(params)
        for running in self.all():
            quoted = f"'{running.query_id}'"
            named = [name for name, value in changed.items() if value == running.query_id]
            if running.number and (quoted in sql or named):
                name_there = engine_id(running.number)
                sql = sql.replace(quoted, f"'{name_there}'")
                changed.update(dict.fromkeys(named, name_there))
        return sql, changed


def cancelled() -> Exception:
    """What a cancelled query fails with."""
    return failed(394, "QUERY_WAS_CANCELLED", "Query was cancelled")
