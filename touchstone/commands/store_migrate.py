"""`touchstone store migrate`: bring the store's tables to this version, or say what that would take."""

from __future__ import annotations

from typing import Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("migrate")
@click.option("--dry-run", is_flag=True, help="Print the statements that would be run; write nothing.")
@json_option
@pass_session
def command(session: Session, dry_run: bool, as_json: bool) -> int:
    """Apply the migrations that the store lacks; a store that drifted or is newer is refused."""
    from collector.storage.migrations import migrate, plan

    store = session.configuration.settings.store
    if dry_run:
        planned = plan(store)
        missing = [{"name": one.name, "statements": list(statements)} for one, statements in planned.missing]
        if as_json:
            session.print_json({"applied": list(planned.applied), "missing": missing})
        else:
            _show(missing)
        return exit_codes.FINE
    names = migrate(store)
    if as_json:
        session.print_json({"migrated": list(names)})
    else:
        click.echo("\n".join(f"applied {name}" for name in names) or "nothing is missing")
    return exit_codes.FINE


def _show(missing: list[dict[str, Any]]) -> None:
    for one in missing:
        click.echo(f"-- {one['name']}")
        for statement in one["statements"]:
            click.echo(f"{statement};")
    if not missing:
        click.echo("nothing is missing")
