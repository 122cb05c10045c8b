"""`touchstone suppressions`: silences and maintenance windows that count, or will."""

from __future__ import annotations

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("suppressions")
@click.option("--end", "ended", metavar="ID", help="End this one now; what it held is paged if it is still broken.")
@click.option("--by", help="Who says so (default: your user name).")
@json_option
@pass_session
def command(session: Session, ended: str | None, by: str | None, as_json: bool) -> int:
    """List silences and maintenance windows that have not expired."""
    from touchstone.collector_client import ask, whoami
    from touchstone.commands.silence import line_of

    agent = session.configuration.settings.agent
    if ended:
        answer = ask(agent, f"/api/v1/suppressions/{ended}/end", {"by": by or whoami(), "via": "cli"})
        if as_json:
            session.print_json(answer)
        else:
            session.say(f"{ended}: ended")
        return exit_codes.FINE
    answer = ask(agent, "/api/v1/suppressions")
    if as_json:
        session.print_json(answer)
        return exit_codes.FINE
    for one in answer["suppressions"]:
        session.say(("now  " if one["active"] else "     ") + line_of(one))
    if not answer["suppressions"]:
        session.say("none")
    return exit_codes.FINE
