"""`touchstone store backup` and `restore`: the whole database, by ClickHouse's own means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.storage.backups import Progress


@click.command("backup")
@click.argument("name", required=False)
@json_option
@pass_session
def backup(session: Session, name: str | None, as_json: bool) -> int:
    """Back the store up as NAME (default: the database and the time); writes go on meanwhile."""
    from collector.storage.backups import back_up, place

    store = session.configuration.settings.store
    name = name or f"{store.database}-{session.clock.now():%Y%m%dT%H%M%SZ}"
    with _shown(session, "backing up") as on_progress:
        done = back_up(store, name, on_progress, session.clock.pause)
    _say(session, {"backup": name, "to": place(store, name), "files": done.files, "bytes": done.size}, as_json)
    return exit_codes.FINE


@click.command("restore")
@click.argument("name")
@click.option("--database", metavar="NAME", help="Restore as this database (default: store.database).")
@json_option
@pass_session
def restore(session: Session, name: str, database: str | None, as_json: bool) -> int:
    """Bring the backup NAME back into a database that holds no rows."""
    from collector.storage.backups import DATABASE
    from collector.storage.backups import restore as bring_back

    store = session.configuration.settings.store
    into = database or store.database
    if not DATABASE.match(into):
        raise click.UsageError(f"--database {into!r} is no name: small letters, digits, underscores")
    with _shown(session, "restoring") as on_progress:
        done = bring_back(store, name, into, on_progress, session.clock.pause)
    _say(session, {"backup": name, "database": into, "files": done.files, "bytes": done.size}, as_json)
    return exit_codes.FINE


@contextmanager
def _shown(session: Session, what: str) -> Iterator[Callable[[Progress], None]]:
    """A line on standard error that says how far it is."""
    from rich.filesize import decimal

    with session.err.status(what) as status:
        yield lambda at: status.update(f"{what}: {at.files_done} of {at.files} files, {decimal(at.size)}")


def _say(session: Session, done: dict[str, object], as_json: bool) -> None:
    if as_json:
        session.print_json(done)
    else:
        session.out.print(", ".join(f"{name} {value}" for name, value in done.items()), markup=False, soft_wrap=True)
