"""How clickhouse-connect is opened, and what its errors are called here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from schemas.config import Store
from schemas.errors import StoreError, StoreRejected, StoreUnavailable

CONNECT_S = 5
ANSWER_S = 120
# What passes by itself, by ClickHouse's number and name.
BUSY_CODES: Mapping[int, str] = MappingProxyType(
    {
        75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
        76: "CANNOT_OPEN_FILE",
        159: "TIMEOUT_EXCEEDED",
        202: "TOO_MANY_SIMULTANEOUS_QUERIES",
        209: "SOCKET_TIMEOUT",
        210: "NETWORK_ERROR",
        225: "NO_ZOOKEEPER",
        241: "MEMORY_LIMIT_EXCEEDED",
        242: "TABLE_IS_READ_ONLY",
        243: "NOT_ENOUGH_SPACE",
        254: "NO_ACTIVE_REPLICAS",
        279: "ALL_CONNECTION_TRIES_FAILED",
        285: "TOO_FEW_LIVE_REPLICAS",
        286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
        289: "REPLICA_IS_NOT_IN_QUORUM",
        319: "UNKNOWN_STATUS_OF_INSERT",
        369: "ALL_REPLICAS_ARE_STALE",
        517: "CANNOT_ASSIGN_ALTER",
        519: "NO_REMOTE_SHARD_AVAILABLE",
        999: "KEEPER_EXCEPTION",
    }
)


def arguments(store: Store) -> dict[str, Any]:
    """The keyword arguments of clickhouse_connect.get_client and get_async_client for *store*."""
    url = urlsplit(store.url)
    return {
        "host": url.hostname or "127.0.0.1",
        "port": url.port or (8443 if url.scheme == "https" else 8123),
        "interface": url.scheme,
        "username": store.user,
        "password": store.password.get_secret_value() if store.password else "",
        "connect_timeout": CONNECT_S,
        "send_receive_timeout": ANSWER_S,
        "autogenerate_session_id": False,
        "compress": False,
    }


def leave_out_pandas() -> None:
    """
    Have this process's driver do without pandas, which it would import at the first insert: 0.9 s and 60 MB.

    For processes that hand over rows, never frames.
    """
    from clickhouse_connect.driver import options

    options.pd = None


@contextmanager
def opened(store: Store) -> Iterator[Any]:
    """A driver's client for one piece of work; its failures come as StoreUnavailable or StoreRejected."""
    import clickhouse_connect

    with named_errors(store):
        driver = clickhouse_connect.get_client(**arguments(store))
        try:
            yield driver
        finally:
            driver.close()


def rows_of(driver: Any, store: Store, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
    """What the query *sql* answers; `{database}` in it is the store's."""
    answer = driver.query(sql.replace("{database}", store.database), parameters=parameters, tz_mode="aware")
    rows: Sequence[Sequence[Any]] = answer.result_rows
    return rows


@contextmanager
def named_errors(store: Store) -> Iterator[None]:
    """Every failure of the driver as StoreUnavailable or StoreRejected, without secrets."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    try:
        yield
    except StoreError:
        raise
    except ClickHouseError as error:
        code = getattr(error, "code", None)
        text = _without_secrets(str(error), store)
        if code is None or code in BUSY_CODES:
            raise StoreUnavailable(f"{store.url}: {text}") from error
        raise StoreRejected(f"{store.url}: {text}") from error
    except (OSError, TimeoutError) as error:
        raise StoreUnavailable(f"{store.url}: {_without_secrets(str(error), store) or type(error).__name__}") from error
    except Exception as error:
        if not type(error).__module__.startswith(("urllib3", "aiohttp")):
            raise
        raise StoreUnavailable(f"{store.url}: {type(error).__name__}") from error


def _without_secrets(text: str, store: Store) -> str:
    password = store.password.get_secret_value() if store.password else ""
    cleaned = (
        "connection refused"
        if re.search("Connection refused|Connect call failed", text)
        else " ".join(text.split())[:500]
    )
    return cleaned.replace(password, "***") if password else cleaned
