"""`touchstone close`: a human says that an incident is over."""

from __future__ import annotations

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("close")
@click.argument("incident")
@click.option("--why", required=True, help="Stands in the record.")
@click.option("--by", help="Who says so (default: your user name).")
@json_option
@pass_session
def command(session: Session, incident: str, why: str, by: str | None, as_json: bool) -> int:
    """Close INCIDENT whatever the evidence: for what is watched no more. Fresh failures open it again."""
    from touchstone.collector_client import ask, whoami

    body = {"by": by or whoami(), "via": "cli", "why": why}
    answer = ask(session.configuration.settings.agent, f"/api/v1/incidents/{incident}/close", body)
    if as_json:
        session.print_json(answer)
    else:
        session.say(f"{incident}: closed")
    return exit_codes.FINE
