"""`touchstone judge --at`: recompute the verdicts as of an instant, and compare them with the stored ones."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.instants import INSTANT
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from schemas.verdict import Verdict


@click.command("judge")
@click.option("--at", type=INSTANT, help="The instant, with offset (default: the last stored verdicts').")
@json_option
@pass_session
def command(session: Session, at: datetime | None, as_json: bool) -> int:
    """Recompute every verdict as of an instant from the facts; exit 1 when a stored one differs."""
    import asyncio

    verdicts, stored = asyncio.run(_judged(session, at))
    differing = [v.provider for v in verdicts if v.provider in stored and stored[v.provider] != v.canonical_json()]
    if as_json:
        click.echo("[" + ",\n".join(verdict.canonical_json() for verdict in verdicts) + "]")
    else:
        for verdict in verdicts:
            state = "not stored" if verdict.provider not in stored else "as stored"
            if verdict.provider in differing:
                rule = json.loads(stored[verdict.provider])["rule_version"]
                other = "" if rule == verdict.rule_version else f", which is of rule {rule}"
                state = f"DIFFERS from the stored verdict{other}"
            session.say(f"{verdict.provider:24} {verdict.tier:9} {state:12} {', '.join(verdict.reasons)}")
    if differing:
        session.err.print(f"{len(differing)} of {len(stored)} stored verdicts differ: {', '.join(differing)}")
    return exit_codes.FINDINGS if differing else exit_codes.FINE


async def _judged(session: Session, at: datetime | None) -> tuple[tuple[Verdict, ...], dict[str, str]]:
    from collector.service import verdicts_at
    from collector.storage.clickhouse import ClickHouse

    async with ClickHouse.opened(session.configuration.settings.store, clock=session.clock) as store:
        instant = at or await store.last_verdict_at() or session.clock.now()
        instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
        return await verdicts_at(store, session.configuration, instant), await store.verdict_bodies(instant)
