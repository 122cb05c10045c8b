"""`touchstone ack`: somebody has it. Reminders and escalation stop until it lapses."""

from __future__ import annotations

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("ack")
@click.argument("incident", required=False)
@click.option("--by", help="Who has it (default: your user name).")
@click.option("--undo", is_flag=True, help="Nobody has it any more.")
@json_option
@pass_session
def command(session: Session, incident: str | None, by: str | None, undo: bool, as_json: bool) -> int:
    """Acknowledge INCIDENT; without one, the only incident that is open."""
    from touchstone.collector_client import ask, whoami

    settings = session.configuration.settings
    id = incident or _only_open(session)
    who = by or whoami()
    verb = "unacknowledge" if undo else "acknowledge"
    answer = ask(settings.agent, f"/api/v1/incidents/{id}/{verb}", {"by": who, "via": "cli"})
    if as_json:
        session.print_json(answer | {"by": who, "acknowledged": not undo})
    elif undo:
        session.say(f"{id}: nobody has it any more; the ladder begins again")
    else:
        lasts_m = settings.paging.acknowledgement.lasts / 60
        session.say(f"{id}: {who} has it, for {lasts_m:g} minutes or until it gets worse")
    return exit_codes.FINE


def _only_open(session: Session) -> str:
    from collector.storage.queries import Reader

    with Reader.open(session.configuration.settings.store) as reader:
        found = reader.open_incidents()
    if len(found) == 1:
        return found[0].id
    listed = ", ".join(f"{one.id} ({one.severity} {one.scope})" for one in found[:5])
    raise click.UsageError(f"{len(found)} incidents are open: {listed}" if found else "no incident is open")
