"""`touchstone up`: everything on the embedded store with the simulated fleet, under one supervisor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from schemas.quantity import parse_duration_s
from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


class Duration(click.ParamType[float]):
    """A duration as the settings write it: 120s, 5m."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("up")
@click.option("--for", "for_s", type=Duration(), help="Stop after this long (default: until Ctrl-C).")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/up"), show_default=True)
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="Days of simulated past.")
@click.option("--seed", default=7, show_default=True, help="What the simulated world is derived from.")
@click.option("--shuffle", default=0, show_default=True, help="Deal the personalities anew.")
@json_option
@pass_session
def command(
    session: Session, /, for_s: float | None, folder: Path, days: int, seed: int, shuffle: int, as_json: bool
) -> int:
    """
    Start the store, the collector, the agent, the dashboard, a simulated fleet of 18 clouds and an application that
    uses it; Ctrl-C stops all.

    Exit 1 when, at the end, a tier is not its truth, a scripted P0 was not paged exactly once, a provider with two
    faces was not found, or anything was lost or stored twice.
    """
    import asyncio

    from simulator.world import World
    from touchstone.house import Addresses, House
    from touchstone.run_folder import run_folder
    from touchstone.upkeep import Upkeep, problems

    with run_folder(folder.absolute()) as made:
        house = House.built(made, World.of(seed, shuffle), Addresses.free())
        upkeep = Upkeep(house, session.clock, session.out, session.err, live=not as_json and session.out.is_terminal)
        began = session.clock.monotonic()
        report = asyncio.run(upkeep.run(for_s, history_days=days))
        ran_s = for_s if for_s is not None else session.clock.monotonic() - began
    wrong = problems(report, house.world, ran_s=ran_s)
    if as_json:
        session.print_json(report)
    else:
        beside = f"{report['passive']} requests of real traffic beside them"
        session.out.print(
            f"{report['observations']} observations, {report['lost']} lost, {report['double']} double; {beside}",
            soft_wrap=True,
        )
    for problem in wrong:
        session.err.print(problem, soft_wrap=True)
    return exit_codes.FINDINGS if wrong else exit_codes.FINE
