"""`touchstone receiver`: a local receiver of pages that records what arrives, and fails when told to."""

from __future__ import annotations

from pathlib import Path

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("receiver")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:18099", show_default=True)
@click.option("--file", "record", type=click.Path(path_type=Path), help="Append every request as a line of JSON.")
@click.option("--secret-file", type=click.Path(path_type=Path, exists=True), help="Check webhook signatures by this.")
@json_option
@pass_session
def command(session: Session, listen: str, record: Path | None, secret_file: Path | None, as_json: bool) -> int:
    """
    Receive pages at the paths of the services that destinations are for, answered as those answer, until SIGTERM.

    POST /fail with {"status": 503, "times": 3, "hang_s": 0, "retry_after": 1, "service": ""} makes the next
    requests fail so; GET /pages shows what was accepted.
    """
    import asyncio

    from aiohttp import web

    from touchstone.address import split_address
    from touchstone.receiving import Receiver
    from touchstone.signals import stop_on_signals

    host, port = split_address(listen)
    secret = secret_file.read_text().strip() if secret_file else None
    receiver = Receiver(session.clock, record=record, secret=secret, said=session.say)

    async def run() -> None:
        stop = stop_on_signals()
        runner = web.AppRunner(receiver.application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error
        if as_json:
            session.print_json({"url": f"http://{host}:{port}"})
        else:
            session.say(f"receiver: http://{host}:{port}")
        await stop.wait()
        await runner.cleanup()

    asyncio.run(run())
    return exit_codes.FINE
