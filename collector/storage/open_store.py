"""How one asks the store: an open connection, and errors that name it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from collector.storage.connection import arguments, named_errors
from schemas.config import Store


class OpenStore:
    """An open store to read from. Every method raises StoreUnavailable or StoreRejected, nothing of the driver's."""

    def __init__(self, store: Store, client: Any) -> None:
        self._store, self._client = store, client

    @classmethod
    def open(cls, store: Store) -> Self:
        """Connect to *store*; close it, or use it as a context manager."""
        import clickhouse_connect

        with named_errors(store):
            return cls(store, clickhouse_connect.get_client(**arguments(store)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def now(self) -> datetime:
        """The store's clock."""
        now: datetime = self._rows("SELECT now64(3, 'UTC')")[0][0]
        return now

    def engine_version(self) -> str:
        """The version of ClickHouse that answers."""
        return str(self._rows("SELECT version()")[0][0])

    def _rows(self, sql: str, **parameters: Any) -> Sequence[tuple[Any, ...]]:
        rows: Sequence[tuple[Any, ...]] = self._query(sql, parameters).result_rows
        return rows

    def _dicts(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        return list(self._query(sql, parameters).named_results())

    def _query(self, sql: str, parameters: dict[str, Any]) -> Any:
        with named_errors(self._store):
            return self._client.query(
                sql.replace("{database}", self._store.database), parameters=parameters, tz_mode="aware"
            )
