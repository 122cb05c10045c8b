"""
One runner at a time: a lock that plain ClickHouse can keep, because CREATE TABLE is the one thing only one can do.

The lock is a table `schema_lock_N` without rows; the highest N holds. A runner that died is noticed because its lock
is older than the lease and nothing of it runs any more; the next one takes N + 1. A runner asks before every
statement whether its own number still is the highest, so one that was only slow stops.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any

from collector.storage.cluster import defining, processes
from schemas.config import Store
from schemas.errors import StoreUnavailable

LEASE_S = 20
_TABLE_ALREADY_EXISTS = 57
_LATEST = """SELECT toUInt32OrZero(substring(name, 13)) AS n, comment,
       dateDiff('second', metadata_modification_time, now())
FROM system.tables WHERE database = {database:String} AND startsWith(name, 'schema_lock_') ORDER BY n DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class MigrationLock:
    """A lock that is held; *who* is in every statement's `log_comment`."""

    client: Any
    store: Store
    number: int
    who: str

    @classmethod
    def taken(cls, client: Any, store: Store, lease_s: int = LEASE_S) -> MigrationLock:
        """The lock; raises StoreUnavailable while another runner holds it."""
        from clickhouse_connect.driver.exceptions import DatabaseError

        number, holder, age_s = _latest(client, store) or (0, "", 0)
        if number and (age_s < lease_s or _running(client, store, holder)):
            raise StoreUnavailable(f"{store.url}: {holder} is migrating {store.database}, for {age_s} s")
        lock = cls(client, store, number + 1, _name(number + 1))
        try:
            client.command(
                f"CREATE TABLE {lock._table(lock.number)}{lock._everywhere} (at DateTime) ENGINE = Memory "
                f"COMMENT '{lock.who}'",
                settings=defining(store),
            )
        except DatabaseError as error:
            if getattr(error, "code", None) != _TABLE_ALREADY_EXISTS:
                raise
            raise StoreUnavailable(f"{store.url}: another runner has just begun to migrate {store.database}") from error
        return lock

    def __enter__(self) -> MigrationLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.given_back()

    def still_held(self) -> None:
        """Raise StoreUnavailable when another runner has taken over."""
        held = _latest(self.client, self.store)
        if held is None or held[0] != self.number:
            raise StoreUnavailable(
                f"{self.store.url}: {held[1] if held else 'nobody'} holds the lock of {self.who} now"
            )

    def given_back(self) -> None:
        """Let the next one in; what died before us left is cleared away, ours last."""
        rows = self.client.query(
            "SELECT toUInt32OrZero(substring(name, 13)) AS n FROM system.tables "
            "WHERE database = {database:String} AND startsWith(name, 'schema_lock_') ORDER BY n",
            parameters={"database": self.store.database},
        ).result_rows
        for (number,) in rows:
            if number <= self.number:
                self.client.command(
                    f"DROP TABLE IF EXISTS {self._table(number)}{self._everywhere}", settings=defining(self.store)
                )

    def _table(self, number: int) -> str:
        return f"{self.store.database}.schema_lock_{number}"

    @property
    def _everywhere(self) -> str:
        return f" ON CLUSTER {self.store.cluster}" if self.store.cluster else ""


def _latest(client: Any, store: Store) -> tuple[int, str, int] | None:
    rows = client.query(_LATEST, parameters={"database": store.database}).result_rows
    return (int(rows[0][0]), str(rows[0][1]), int(rows[0][2])) if rows else None


def _running(client: Any, store: Store, who: str) -> bool:
    rows = client.query(
        f"SELECT count() FROM {processes(store)} WHERE Settings['log_comment'] = {{who:String}}",
        parameters={"who": who},
    ).result_rows
    return bool(rows[0][0])


def _name(number: int) -> str:
    host = "".join(c for c in socket.gethostname() if c.isalnum() or c in "-.")
    return f"touchstone {host}/{os.getpid()}/{number}"
