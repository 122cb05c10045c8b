"""`touchstone store`: the embedded ClickHouse engine over HTTP, and what keeps any store in order."""

from __future__ import annotations

from pathlib import Path

import click

from touchstone import exit_codes
from touchstone.commands import store_backup, store_check, store_retention
from touchstone.session import Session, json_option, pass_session


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

    user, password = "default", None
    if path is None or listen is None:
        store = session.configuration.settings.store
        if store.embedded is None and path is None:
            raise click.UsageError("store.embedded is null in the settings; give --path to serve a folder anyway")
        path = path or Path(store.embedded.path if store.embedded else "")
        listen = listen or urlsplit(store.url).netloc
        user, password = store.user, store.password.get_secret_value() if store.password else None
    host, port = split_address(listen)
    folder = path

    def ready(host: str, port: int) -> None:
        if as_json:
            session.print_json({"url": f"http://{host}:{port}", "path": str(folder)})
        else:
            click.echo(f"store: http://{host}:{port} serves {folder}")

    async def run() -> None:
        stop = stop_on_signals()
        await serve(folder, host=host, port=port, user=user, password=password, stop=stop, ready=ready)

    asyncio.run(run())
    return exit_codes.FINE


for subcommand in (store_backup.backup, store_backup.restore, store_check.command, store_retention.command):
    command.add_command(subcommand)
