"""`touchstone store`: the embedded ClickHouse engine over HTTP, and what keeps any store in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.config import Embedded, Store
from touchstone import exit_codes
from touchstone.commands import store_backup, store_check, store_migrate, store_retention
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.storage.embedded.accounts import Account
    from collector.storage.embedded.limits import Limits


@click.group("store", invoke_without_command=True)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (default: store.url of the settings).")
@click.option("--path", type=click.Path(path_type=Path), help="The folder (default: store.embedded.path).")
@json_option
@pass_session
@click.pass_context
def command(ctx: click.Context, session: Session, listen: str | None, path: Path | None, as_json: bool) -> int:
    """
    Serve the embedded ClickHouse engine over ClickHouse's HTTP protocol, until SIGTERM.

    The subcommands work on the store of the settings, embedded or a server.
    """
    if ctx.invoked_subcommand is not None:
        return exit_codes.FINE
    import asyncio
    from urllib.parse import urlsplit

    from collector.storage.embedded_server import serve
    from touchstone.address import split_address
    from touchstone.signals import stop_on_signals

    store = Store() if path and listen else session.configuration.settings.store
    if store.embedded is None and path is None:
        raise click.UsageError("store.embedded is null in the settings; give --path to serve a folder anyway")
    embedded = store.embedded or Embedded()
    folder = path or Path(embedded.path)
    host, port = split_address(listen or urlsplit(store.url).netloc)

    def ready(host: str, port: int) -> None:
        if as_json:
            session.print_json({"url": f"http://{host}:{port}", "path": str(folder)})
        else:
            session.say(f"store: http://{host}:{port} serves {folder}")

    async def run() -> None:
        stop = stop_on_signals()
        await serve(
            folder,
            host=host,
            port=port,
            user=store.user,
            password=store.password.get_secret_value() if store.password else None,
            reader=_reader(embedded),
            limits=_limits(embedded),
            backups=Path(embedded.backups) if embedded.backups else folder.parent / "backups",
            stop=stop,
            ready=ready,
        )

    asyncio.run(run())
    return exit_codes.FINE


def _reader(embedded: Embedded) -> Account | None:
    from collector.storage.embedded.accounts import Account

    reader = embedded.reader
    if reader is None or reader.password is None:
        return None
    return Account(reader.user, reader.password.get_secret_value(), reading=True)


def _limits(embedded: Embedded) -> Limits:
    from collector.storage.embedded.limits import MIB, Limits

    return Limits(
        memory_bytes=embedded.memory_mib * MIB,
        query_memory_bytes=embedded.query_memory_mib * MIB,
        query_s=embedded.query_time,
        result_rows=embedded.result_rows,
        result_bytes=embedded.result_mib * MIB,
        body_bytes=embedded.body_mib * MIB,
        queries=embedded.queries,
        sessions=embedded.sessions,
    )


SUBCOMMANDS = (
    store_backup.backup,
    store_backup.restore,
    store_check.command,
    store_migrate.command,
    store_retention.command,
)
for subcommand in SUBCOMMANDS:
    command.add_command(subcommand)
