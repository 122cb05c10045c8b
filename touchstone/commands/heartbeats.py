"""`touchstone heartbeats`: the receiver of the calls that targets make to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from touchstone.heartbeat_receiver import Caller


@click.command("heartbeats")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:4319", show_default=True)
@json_option
@pass_session
def command(session: Session, listen: str, as_json: bool) -> int:
    """Record each call of a target with a `heartbeat` module, at POST /v1/heartbeats/TARGET, until SIGTERM."""
    import asyncio

    from aiohttp import web

    from touchstone.address import split_address
    from touchstone.heartbeat_receiver import HeartbeatReceiver, callers_of
    from touchstone.signals import stop_on_signals

    host, port = split_address(listen)
    callers = callers_of(session.configuration)
    _refuse_strangers(callers)
    receiver = HeartbeatReceiver(callers, session.clock)

    async def run() -> None:
        stop = stop_on_signals()
        runner = web.AppRunner(receiver.application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error
        watching = asyncio.create_task(receiver.run())
        if as_json:
            session.print_json({"url": f"http://{host}:{port}", "targets": sorted(callers)})
        else:
            session.say(f"heartbeats: http://{host}:{port} for {len(callers)} targets")
        await stop.wait()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()

    asyncio.run(run())
    return exit_codes.FINE


def _refuse_strangers(callers: dict[str, Caller]) -> None:
    """Nobody can call who cannot prove who they are."""
    if not callers:
        raise click.ClickException("no target of the fleet has a module of kind heartbeat")
    unknown = sorted(target for target, caller in callers.items() if caller.auth.bearer is None)
    if unknown:
        raise click.ClickException(
            f"auth.bearer or auth.bearer_file is needed to know the calls of {', '.join(unknown)}"
        )
