"""A ClickHouse client whose values travel as parameters, whose inserts can be told apart, and whose errors are ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collector.storage.cluster import reading, writing
from collector.storage.connection import arguments, named_errors
from schemas.clock import Clock
from schemas.config import Store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


class Client:
    """An open connection to *store*. Every method raises StoreUnavailable or StoreRejected, nothing of the driver's."""

    def __init__(self, store: Store, driver: Any, epoch: str) -> None:
        self.store, self.driver, self._epoch = store, driver, epoch
        self._inserts = 0

    @classmethod
    async def connect(cls, store: Store, clock: Clock) -> Client:
        """Open *store*; its insert tokens are this process's own, so that none outlives it."""
        import clickhouse_connect

        with named_errors(store):
            driver = await clickhouse_connect.get_async_client(**arguments(store))
        return cls(store, driver, f"{os.getpid()}/{clock.now().isoformat()}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self.driver.close()

    async def ping(self) -> bool:
        """Whether the store answers."""
        with named_errors(self.store):
            return bool(await self.driver.ping())

    async def rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        """What the query *sql* answers; `{database}` in it is the store's."""
        with named_errors(self.store):
            answer = await self.driver.query(self._named(sql), parameters=parameters, settings=reading(self.store))
            rows: Sequence[Sequence[Any]] = answer.result_rows
            return rows

    async def command(self, sql: str, **parameters: Any) -> None:
        """Run *sql*, which answers nothing."""
        with named_errors(self.store):
            settings = reading(self.store) | writing(self.store)
            await self.driver.command(self._named(sql), parameters=parameters, settings=settings)

    async def insert(
        self,
        table: str,
        names: Sequence[str],
        types: Sequence[str] | None,
        rows: Sequence[Sequence[Any]],
        **settings: Any,
    ) -> None:
        """
        Insert *rows*; those of one partition are one atomic part.

        Each call has a token of its own, so the driver's hidden replay of an insert does not double it; a call
        after a failure is a new one, because a token may outlive rows that a crash lost.
        """
        with named_errors(self.store):
            await self.driver.insert(
                table,
                rows,
                column_names=list(names),
                column_type_names=list(types) if types else None,
                database=self.store.database,
                settings=self._settings() | settings,
            )

    async def insert_block(self, table: str, names: Sequence[str], block: bytes, **settings: Any) -> None:
        """Insert a *block* of rows in Native format that has the columns *names*; as `insert`."""
        with named_errors(self.store):
            await self.driver.raw_insert(
                f"{self.store.database}.{table}", list(names), block, fmt="Native", settings=self._settings() | settings
            )

    async def insert_arrow(self, table: str, arrow_table: Any) -> None:
        """Insert a pyarrow.Table whose columns are the table's."""
        with named_errors(self.store):
            await self.driver.insert_arrow(
                table, arrow_table, database=self.store.database, settings=self._settings() | {"max_threads": 1}
            )

    def _settings(self) -> dict[str, Any]:
        self._inserts += 1
        token = f"{self._epoch}/{self._inserts}"
        return {"async_insert": 0, "insert_deduplication_token": token, **writing(self.store)}

    def _named(self, sql: str) -> str:
        return sql.replace("{database}", self.store.database)


def to_ms(stamp: datetime) -> int:
    """*stamp* in milliseconds since the epoch."""
    return (stamp - EPOCH) // timedelta(milliseconds=1)


def of_ms(milliseconds: int) -> datetime:
    """The instant that many milliseconds after the epoch."""
    return EPOCH + timedelta(milliseconds=milliseconds)
