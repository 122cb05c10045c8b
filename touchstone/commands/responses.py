"""`touchstone responses`: who asked for what, when, and why: acknowledgements, silences, windows, drills."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("responses")
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How far back.")
@json_option
@pass_session
def command(session: Session, days: int, as_json: bool) -> int:
    """Print what people asked for, the newest first."""
    from collector.storage.queries import Reader

    with Reader.open(session.configuration.settings.store) as reader:
        lines = reader.responses(reader.now() - timedelta(days=days))
    if as_json:
        session.print_json([asdict(line) for line in lines])
        return exit_codes.FINE
    for line in lines:
        about = f"{line.subject} {line.scope}".strip()
        session.say(f"{line.at:%Y-%m-%d %H:%M:%S} {line.by} ({line.via}): {line.what} {about}")
        granted = "" if line.amount is None else f"granted {line.amount}"
        for said in (granted, line.why, f"refused: {line.refused}" if line.refused else ""):
            if said:
                session.say(f"    {said}")
    if not lines:
        session.say("none")
    return exit_codes.FINE
