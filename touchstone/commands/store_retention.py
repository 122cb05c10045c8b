"""`touchstone store retention`: how long each table keeps its rows, and how much it holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.storage.retention import Kept


@click.command("retention")
@click.option("--apply", is_flag=True, help="Give every table the age limit of the settings.")
@json_option
@pass_session
def command(session: Session, apply: bool, as_json: bool) -> int:
    """Print rows, size and age limit of every table; exit 1 when one does not do what the settings say."""
    from collector.storage.retention import applied, kept

    store = session.configuration.settings.store
    changed = applied(store, kept(store)) if apply else ()
    tables = kept(store)
    if as_json:
        session.print_json({"tables": [asdict(one) for one in tables], "changed": changed})
    else:
        _print_table(session, tables)
        for name in changed:
            session.err.print(f"{name}: the age limit was changed; what is too old goes in the background")
    return exit_codes.FINDINGS if any(one.differs for one in tables) else exit_codes.FINE


def _print_table(session: Session, tables: tuple[Kept, ...]) -> None:
    from rich.filesize import decimal
    from rich.table import Table

    from collector.judgement.wording import count

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, justify in (("Table", "left"), ("Rows", "right"), ("Size", "right"), ("Kept", "left")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for one in tables:
        limit = "for ever" if one.days is None else f"{one.days} d"
        wanted = "for ever" if one.days_wanted is None else f"{one.days_wanted} d"
        table.add_row(
            one.table, count(one.rows), decimal(one.bytes), f"{limit}, should be {wanted}" if one.differs else limit
        )
    session.out.print(table)
