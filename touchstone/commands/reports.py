"""`touchstone reports`: the scorecards that went out by themselves."""

from __future__ import annotations

from typing import Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("reports")
@json_option
@pass_session
def command(session: Session, as_json: bool) -> int:
    """List reports, those of the newest periods first; exit 1 when one was given up or is being tried again."""
    from touchstone.collector_client import ask

    answer = ask(session.configuration.settings.agent, "/api/v1/reports")
    found: list[dict[str, Any]] = answer["reports"]
    if as_json:
        session.print_json(answer)
    elif found:
        _print_table(session, found)
    else:
        session.err.print("none is due yet; docs/reports.md says how one is configured")
    failing = any(one["state"] == "dead" or (one["state"] == "pending" and one["attempt"]) for one in found)
    return exit_codes.FINDINGS if failing else exit_codes.FINE


def _print_table(session: Session, found: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("Report", "Period", "Provider", "State", "At (UTC)", "Where, or why not"):
        table.add_column(heading, overflow="fold")
    for one in found:
        at = one["at"] or one["next_attempt_at"]
        cells = (one["report"], one["period"], one["provider"], one["state"], at[:16].replace("T", " "), _said(one))
        table.add_row(*(escape(cell) for cell in cells))
    session.out.print(table)


def _said(one: dict[str, Any]) -> str:
    """Where a report went, or why not yet or never."""
    if one["state"] == "pending":
        return f"attempt {one['attempt']}: {one['error']}" if one["attempt"] else "once its facts are settled"
    return str(one["place"] or one["error"])
