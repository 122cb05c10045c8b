"""`touchstone agent`: the probing process of a vantage."""

from __future__ import annotations

from pathlib import Path

import click

from touchstone import __version__, exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("agent")
@json_option
@pass_session
def command(session: Session, as_json: bool) -> int:
    """Probe every target on its grid, spool what was observed, ship it to the collector, until SIGTERM."""
    import asyncio

    from probes.spool import Ledger, Spool

    configuration = session.configuration

    async def run(spool: Spool) -> Ledger:
        from contextlib import nullcontext

        from opentelemetry.sdk.resources import Resource

        from probes.agent import Agent, subjects_of
        from probes.attempt import Bench
        from probes.connection import Connections
        from probes.loop_lag import LagMonitor
        from probes.telemetry.conventions import addresses_of
        from probes.telemetry.telemetry import Telemetry
        from probes.trust import TrustLimits
        from touchstone.signals import stop_on_signals

        settings = configuration.settings
        stop = stop_on_signals()
        async with Connections() as connections:
            bench = Bench(
                vantage=settings.vantage.name,
                connections=connections,
                clock=session.clock,
                lag=LagMonitor(session.clock),
                limits=TrustLimits(
                    settings.agent.lag_limit, settings.agent.clock_step_limit, settings.agent.streams_trusted_max
                ),
                simulated=settings.simulated,
                agent_version=__version__,
            )
            resource = Resource({"service.name": "touchstone-agent", "service.version": __version__})
            subjects = subjects_of(configuration.fleet, settings.modules)
            session.err.print(f"agent: {len(subjects)} subjects from {settings.vantage.name}")
            addresses = addresses_of(configuration.fleet)
            told = Telemetry(settings.telemetry, resource, addresses, session.clock, version=__version__)
            telemetry = told if settings.telemetry.wanted else None
            async with told.running() if telemetry else nullcontext(""):
                return await Agent(subjects, settings.agent, bench, spool, resource, telemetry).run(stop)

    spool = Spool(Path(configuration.settings.agent.spool), rows_max=configuration.settings.agent.spool_rows_max)
    try:
        ledger = asyncio.run(run(spool))
    finally:
        spool.close()
    if as_json:
        session.print_json(ledger)
    else:
        click.echo(f"spooled {ledger.spooled}, delivered {ledger.delivered}, waiting {ledger.pending}")
    return exit_codes.FINE
