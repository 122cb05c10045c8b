"""
The database under the transactional store: a file of SQLite, or a PostgreSQL server that several collectors share.

SQLite in WAL mode, synchronous FULL. A session of PostgreSQL that stands still is ended by the server, so that a
collector that hangs in the middle of a decision holds nobody up for long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from collector.storage.ledger_tables import prepare
from schemas.errors import StoreUnavailable, TouchstoneError

POSTGRESQL = "postgresql://"
CONNECT_S = 3
STILL_S = 10  # a transaction in which nothing happens, or that waits for another's lock
_PREPARING = 0x70756368  # the advisory lock under which tables are made
_OPTIONS = (
    f"-c lock_timeout={STILL_S}s -c idle_in_transaction_session_timeout={STILL_S}s -c statement_timeout={3 * STILL_S}s"
)
_KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}


class Database:
    """An open database with its tables; every failure of it is StoreUnavailable."""

    def __init__(self, place: Path | str, password: SecretStr | None = None) -> None:
        self.server = isinstance(place, str) and place.startswith(POSTGRESQL)
        self.named = str(place)
        dialect = import_module(
            f"sqlalchemy.dialects.{'postgresql' if self.server else 'sqlite'}"
        )  # the other costs 0.1 s
        self._insert: Callable[[sa.Table], Any] = dialect.insert
        with named(self.named):
            self._engine = _server(self.named, password) if self.server else _file(Path(place))
            with self.transaction(self.named) as db:
                if self.server:
                    db.execute(sa.select(sa.func.pg_advisory_xact_lock(_PREPARING)))
                prepare(db)

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    def insert_new(self, db: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
        """Insert *row*; one with its key that is there already stays as it is."""
        db.execute(self._insert(table).values(row).on_conflict_do_nothing())

    @contextmanager
    def reading(self, what: str) -> Iterator[sa.Connection]:
        """A connection on which every statement stands alone."""
        with named(what), self._engine.connect() as db:
            yield db

    @contextmanager
    def transaction(self, what: str) -> Iterator[sa.Connection]:
        """A connection on which everything within the block is done, or nothing; SQLite has one at a time."""
        with named(what), self._engine.connect() as db:
            db.exec_driver_sql("BEGIN" if self.server else "BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                with suppress(sa.exc.SQLAlchemyError):  # a connection that is gone has nothing to take back
                    db.exec_driver_sql("ROLLBACK")
                raise
            db.exec_driver_sql("COMMIT")


@contextmanager
def named(what: str) -> Iterator[None]:
    """Every failure of the database as StoreUnavailable, naming *what*."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, OSError) as error:
        said = (str(error).splitlines() or [""])[0][:300]
        raise StoreUnavailable(f"transactional store ({what}): {said}") from error


def _file(path: Path) -> sa.Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")
    sa.event.listen(engine, "connect", _durable)
    return engine


def _server(url: str, password: SecretStr | None) -> sa.Engine:
    place = sa.make_url(url).set(drivername="postgresql+psycopg")
    if password is not None:
        place = place.set(password=password.get_secret_value())
    settings: dict[str, Any] = {"connect_timeout": CONNECT_S, "options": _OPTIONS, "application_name": "touchstone"}
    try:
        return sa.create_engine(
            place, isolation_level="AUTOCOMMIT", pool_pre_ping=True, hide_parameters=True,
            connect_args=settings | _KEEPALIVE,
        )  # fmt: skip
    except ImportError as error:
        raise TouchstoneError(
            "collector.state names a PostgreSQL server, and its driver is missing: pip install touchstone[postgres]"
        ) from error


def _durable(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
