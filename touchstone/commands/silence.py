"""`touchstone silence`: hold the pages of a scope from now on."""

from __future__ import annotations

from typing import Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("silence")
@click.argument("scope")
@click.option("--for", "lasts", required=True, metavar="DURATION", help="30m, 2h, 1d.")
@click.option("--why", required=True, help="Stands in the record.")
@click.option("--by", help="Who answers for it (default: your user name).")
@json_option
@pass_session
def command(session: Session, scope: str, lasts: str, why: str, by: str | None, as_json: bool) -> int:
    """
    Hold the pages of SCOPE and everything below it from now on: acme, acme/us-east, acme/*, a vantage, or *.

    Probing, judging and the record go on; what is still broken at the end is paged then. A resolve is never held.
    """
    return say(session, {"kind": "silence", "scope": scope, "lasts": lasts, "why": why}, by, as_json)


def say(session: Session, body: dict[str, Any], by: str | None, as_json: bool) -> int:
    """Ask the collector for a suppression, and print it."""
    from touchstone.collector_client import ask, whoami

    document = {name: value for name, value in body.items() if value is not None}
    answer = ask(
        session.configuration.settings.agent, "/api/v1/suppressions", document | {"by": by or whoami(), "via": "cli"}
    )
    if as_json:
        session.print_json(answer)
    else:
        session.say(line_of(answer))
        click.echo(f"end it sooner: touchstone suppressions --end {answer['id']}", err=True)
    return exit_codes.FINE


def line_of(one: dict[str, Any]) -> str:
    """A suppression in one line."""
    from collector.judgement.wording import duration

    when = f"from {one['starts'][:16].replace('T', ' ')} UTC for {duration(float(one['lasts_s']))}"
    again = ""
    if one["every_s"]:
        again = f", every {duration(float(one['every_s']))} ({one['zone']}) until {one['expires'][:10]}"
    return f"{one['id']} {one['kind']} {one['scope']}: {when}{again}; {one['owner']}: {one['why']}"
