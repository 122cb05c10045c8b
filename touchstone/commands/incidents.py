"""`touchstone incidents`: what is broken now, and what was."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.storage.incident_queries import IncidentRow


@click.command("incidents")
@click.option("--all", "past", is_flag=True, help="The last 100, over or not.")
@json_option
@pass_session
def command(session: Session, past: bool, as_json: bool) -> int:
    """Print open incidents, the worst first; exit 1 when there is one."""
    from collector.storage.queries import Reader

    with Reader.open(session.configuration.settings.store) as reader:
        found = reader.recent_incidents() if past else reader.open_incidents()
        paged = reader.first_pages([incident.id for incident in found])
        now = reader.now()
    if as_json:
        rows = [asdict(incident) | {"first_page_at": paged.get(incident.id)} for incident in found]
        session.print_json({"now": now, "incidents": rows})
    else:
        _print_table(session, found, paged, now)
    return exit_codes.FINDINGS if any(incident.open for incident in found) else exit_codes.FINE


def _print_table(session: Session, found: tuple[IncidentRow, ...], paged: dict[str, datetime], now: datetime) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.wording import duration

    if not found:
        session.out.print("no incident is open" if session.out.is_terminal else "none")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("Incident", no_wrap=True)
    table.add_column("What", overflow="fold")
    table.add_column("When (UTC)", overflow="fold")
    for incident in found:
        lasted = duration((incident.resolved_at or now) - incident.failed_at)
        page = paged.get(incident.id)
        told = f"paged after {duration(page - incident.failed_at)}" if page else "nobody paged"
        flags = [
            *([f"acknowledged by {incident.acknowledged_by}"] if incident.acknowledged_by else []),
            *(["silenced"] if incident.suppressed_by else []),
            *(["flapping"] if incident.flapping else []),
            *(["no fresh evidence"] if incident.blind else []),
        ]
        table.add_row(
            f"{incident.severity} {incident.state}\n{incident.id}",
            escape("\n".join([incident.scope, f"{incident.signal}: {incident.reason}", *flags])),
            f"{incident.failed_at:%m-%d %H:%M:%S}, {lasted}\n{told}",
        )
    session.out.print(table)
