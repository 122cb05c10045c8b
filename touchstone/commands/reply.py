"""`touchstone reply`: a provider replied to evidence about its claims, or its reply was weighed."""

from __future__ import annotations

import click

from touchstone import exit_codes
from touchstone.session import Session, pass_session

WORDS = {"pending": None, "accepted": True, "rejected": False}


@click.command("reply")
@click.argument("provider")
@click.option("--said", required=True, help="What it said, or why the reply was weighed so; stands in the record.")
@click.option("--weighed", type=click.Choice(list(WORDS)), default="pending", show_default=True)
@click.option("--by", help="Who writes it down (default: your user name).")
@pass_session
def command(session: Session, provider: str, said: str, weighed: str, by: str | None) -> int:
    """Put PROVIDER's reply on record. An accepted one ends its suspicion; one not weighed yet holds it for a week."""
    import asyncio

    from touchstone.collector_client import whoami

    if provider not in session.configuration.fleet.providers:
        raise click.UsageError(f"no provider is called {provider!r}")
    asyncio.run(_stored(session, provider, WORDS[weighed], by or whoami(), said))
    session.say(f"{provider}: reply {weighed}, on record; the next examination takes it into account")
    return exit_codes.FINE


async def _stored(session: Session, provider: str, accepted: bool | None, by: str, said: str) -> None:
    from collector.storage.clickhouse import ClickHouse

    async with ClickHouse.opened(session.configuration.settings.store, clock=session.clock) as store:
        await store.insert_reply(provider, session.clock.now(), accepted=accepted, by=by, said=said)
