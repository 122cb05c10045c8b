"""`touchstone collect`: receive, judge, page."""

from __future__ import annotations

import click

from touchstone import exit_codes
from touchstone.session import DEFAULT_CONFIG, Session, json_option, pass_session


@click.command("collect")
@json_option
@pass_session
def command(session: Session, as_json: bool) -> int:
    """Receive observations over OTLP, store, judge and page, until SIGTERM."""
    import asyncio
    import gc

    gc.disable()  # a quarter of a start goes into collections of what is there to stay
    from collector.storage.connection import leave_out_pandas
    from touchstone.apprise_check import check_apprise
    from touchstone.collecting import collect
    from touchstone.signals import stop_on_signals

    leave_out_pandas()
    configuration = session.configuration
    check_apprise(configuration.settings.paging, session.config_path or DEFAULT_CONFIG)
    gc.freeze()
    gc.enable()

    def ready(url: str) -> None:
        if as_json:
            session.print_json({"url": url})
        else:
            session.say(f"collector: {url}")

    async def run() -> None:
        await collect(configuration, session.clock, stop_on_signals(), ready)

    asyncio.run(run())
    return exit_codes.FINE
