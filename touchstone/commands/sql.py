"""`touchstone sql`: a query of the store, for reading only."""

from __future__ import annotations

import sys

import click

from touchstone import exit_codes
from touchstone.session import Session, pass_session


@click.command("sql")
@click.argument("query")
@click.option("-p", "--param", "parameters", metavar="NAME=VALUE", multiple=True, help="Of {NAME:Type} in the query.")
@click.option("--format", "form", metavar="NAME", help="A ClickHouse format (default: a table, or TSV into a pipe).")
@pass_session
def command(session: Session, query: str, parameters: tuple[str, ...], form: str | None) -> int:
    """Run QUERY (- reads it from standard input) against store.database; nothing can be changed."""
    from collector.storage.reading import read

    text = sys.stdin.read() if query == "-" else query
    chosen = form or ("PrettyCompactMonoBlock" if sys.stdout.isatty() else "TabSeparatedWithNames")
    for block in read(session.configuration.settings.store, text, chosen, dict(map(_pair, parameters))):
        sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()
    return exit_codes.FINE


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.UsageError(f"--param {text!r} is not NAME=VALUE")
    return name, value
