"""`touchstone related`: which providers fail together, what they share, how many independent suppliers there are."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.instants import INSTANT, in_milliseconds
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.correlation.relations import Relations

DAYS = 30
DAYS_MAX = 180


@click.command("related")
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=DAYS, help=f"Whole days to look back over ({DAYS}).")
@click.option("--as-of", "at", type=INSTANT, help="As it was known then; else now.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, one line for each pair.")
@json_option
@pass_session
def command(session: Session, days: int, at: datetime | None, as_csv: bool, as_json: bool) -> int:
    """Print pairs of providers that fail together or share infrastructure, and the suppliers of each model."""
    from collector.exports import relations as exports
    from collector.storage.queries import Reader
    from touchstone.model_providers import providers_by_model

    at = in_milliseconds(at or session.clock.now())
    configuration = session.configuration
    with Reader.open(configuration.settings.store) as reader:
        found = reader.relations(at, days, providers_by_model(configuration))
    if as_json:
        session.print_json(exports.plain(found))
    elif as_csv:
        click.echo(exports.as_csv(found), nl=False)
    else:
        _print(session, found)
    return exit_codes.FINE


def _print(session: Session, found: Relations) -> None:
    from rich.markup import escape

    from collector.judgement.correlation import words

    _print_pairs(session, found)
    for one in found.shared:
        session.out.print(escape(f"{one.a} and {one.b} {words.has_in_common(one)}"))
    for group in found.groups:
        session.out.print(escape(f"counted as one supplier: {words.group(group)}"))
    for supply in (one for one in found.supplies if len(one.shares) > 1):
        session.out.print(escape(f"{supply.model}: {words.effective(supply)}"))
    session.err.print(f"{words.window(found)}. {words.tested(found)}. {words.thresholds()}. {words.CAVEAT}")
    if found.shared:
        session.err.print(words.HINTS)


def _print_pairs(session: Session, found: Relations) -> None:
    """Pairs that fail together, the surest first; how many do not is said below."""
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.correlation import words
    from collector.judgement.correlation.co_failure import Standing

    pairs = [one for one in found.pairs if one.standing is Standing.TOGETHER]
    if not pairs:
        session.out.print("no two providers are found to fail together")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0))
    for heading in ("Fail together", "Down", "As often as by chance, and how sure"):
        table.add_column(heading, overflow="fold")
    for one in sorted(pairs, key=lambda one: (one.q or 0.0, -(one.lift or 0.0), one.a, one.b)):
        cells = (
            f"{one.a}\n{one.b}\nboth",
            "\n".join(
                (
                    words.alone(one.down_a, one.episodes_a),
                    words.alone(one.down_b, one.episodes_b),
                    words.alone(one.both, one.episodes_both),
                )
            ),
            "\n".join(filter(None, (words.lift(one), words.chance(one), words.smallest(one), words.linked(one)))),
        )
        table.add_row(*map(escape, cells))
    session.out.print(table)
