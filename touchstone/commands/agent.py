"""`touchstone agent`: the probing processes of a vantage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import DEFAULT_CONFIG, Session, json_option, pass_session

if TYPE_CHECKING:
    from probes.spool import Ledger

WORKERS_MAX = 64


@click.command("agent")
@click.option("--workers", type=click.IntRange(1, WORKERS_MAX), help="Processes that probe (default: agent.workers).")
@click.option("--worker", type=click.IntRange(0, WORKERS_MAX - 1), hidden=True, help="What the agent itself starts.")
@json_option
@pass_session
def command(session: Session, workers: int | None, worker: int | None, as_json: bool) -> int:
    """Probe every target on its grid, spool what was observed, ship it to the collector, until SIGTERM."""
    if worker is not None:
        from touchstone.agent_worker import main

        main(session.clock)
        return exit_codes.FINE

    import asyncio

    from touchstone.agent_process import AgentProcess

    configuration = session.probing_configuration
    count = workers or configuration.settings.agent.workers

    async def run() -> Ledger:
        file = session.config_path or DEFAULT_CONFIG
        return await AgentProcess(file, configuration, count, session.clock, session.err.print).run()

    ledger = asyncio.run(run())
    if as_json:
        session.print_json(ledger)
    else:
        session.say(f"spooled {ledger.spooled}, delivered {ledger.delivered}, waiting {ledger.pending}")
    return exit_codes.FINE
