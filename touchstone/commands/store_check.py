"""`touchstone store check`: whether everything that is stored is whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from collector.storage.checks import Finding


@click.command("check")
@click.option(
    "--days", type=click.IntRange(1, 180), default=3, show_default=True, help="How far back rows are counted."
)
@click.option("--mend", is_flag=True, help="Recompute the rollups of the days that differ.")
@json_option
@pass_session
def command(session: Session, days: int, mend: bool, as_json: bool) -> int:
    """Look for drift, broken parts, observations stored twice and wrong rollups; exit 1 when there is something."""
    from collector.storage.checks import Examination, checks
    from collector.storage.connection import opened

    found: dict[str, list[Finding]] = {}
    store = session.configuration.settings.store
    with opened(store) as driver:
        every = list(checks(Examination(store, driver, session.clock.now(), days)))
        with session.err.status("checking") as status:
            for number, (name, look) in enumerate(every, 1):
                status.update(f"{number} of {len(every)}: {name}")
                found[name] = list(look())
                if not as_json:
                    _print_check(session, name, found[name])
    differing = sorted({day for findings in found.values() for one in findings for day in one.days})
    if mend and differing:
        asyncio.run(_recompute(session, differing))
        session.err.print(f"recomputed the rollups of {len(differing)} days")
    findings = {name: [one.said for one in several] for name, several in found.items()}
    if as_json:
        session.print_json({"days": days, "findings": findings, "mended": differing if mend else []})
    return exit_codes.FINDINGS if any(findings.values()) else exit_codes.FINE


def _print_check(session: Session, name: str, findings: list[Finding]) -> None:
    session.out.print(f"{'▲' if findings else '✓'} {name}", markup=False)
    for one in findings:
        session.out.print(f"  {one.said}", markup=False, soft_wrap=True)


async def _recompute(session: Session, days: Iterable[datetime]) -> None:
    from collector.storage.clickhouse import ClickHouse
    from collector.storage.rollups import DAY

    async with ClickHouse.opened(session.configuration.settings.store, clock=session.clock) as house:
        for day in days:
            await house.rollups.recompute(day, day + DAY)
