"""`touchstone rules`: the objectives as rules for another tool."""

from __future__ import annotations

import click

from touchstone import exit_codes
from touchstone.session import Session, pass_session


@click.command("rules")
@click.option("--format", "form", type=click.Choice(["prometheus"]), default="prometheus", show_default=True)
@pass_session
def command(session: Session, form: str) -> int:
    """Print recording and alerting rules that fire when the budgets of the objectives burn."""
    from collector.exports.prometheus_rules import prometheus_rules

    objectives = session.configuration.settings.objectives
    if not objectives:
        raise click.UsageError("the settings have no objectives; docs/objectives.md says what one is")
    click.echo(prometheus_rules(objectives), nl=False)
    return exit_codes.FINE
