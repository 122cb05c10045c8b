"""`touchstone scorecard`: a provider's exportable record."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.exports.catalog import FORMATS
from touchstone import exit_codes
from touchstone.instants import INSTANT, in_milliseconds
from touchstone.session import Session, pass_session

if TYPE_CHECKING:
    from collector.exports.scorecard import Scorecard
    from collector.storage.queries import Reader


@click.command("scorecard")
@click.argument("provider", required=False)
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="md", show_default=True)
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="How far back it goes.")
@click.option(
    "--as-of", "at", type=INSTANT, help="As it was known then; else at the last verdict. The same bytes for ever."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), default="-", help="A file, or - for standard output.")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the format json instead.")
@pass_session
def command(
    session: Session, provider: str | None, form: str, days: int, at: datetime | None, output: Path, schema: bool
) -> int:
    """Print the record of PROVIDER as it was at an instant; the same instant gives the same bytes."""
    from collector.exports import card_schema
    from collector.exports.catalog import rendered
    from collector.storage.queries import Reader

    if schema:
        _write(card_schema.rendered(), output)
        return exit_codes.FINE
    if provider is None:
        raise click.UsageError("Missing argument 'PROVIDER'.")
    with Reader.open(session.configuration.settings.store) as reader:
        card = _card(session, reader, provider, at, timedelta(days=days))
    _write(rendered(form, card), output)
    return exit_codes.FINE


def _card(session: Session, reader: Reader, provider: str, at: datetime | None, period: timedelta) -> Scorecard:
    from collector.scorecards import Terms, card_at, oldest_kept

    settled = reader.settled_at()
    if at is None:
        verdict = reader.verdict(provider)
        at = verdict.at if verdict else settled
    elif settled is not None and in_milliseconds(at) > settled:
        raise click.UsageError(
            f"--as-of {at.isoformat()} is not settled yet: the last verdicts are of {settled.isoformat()}, "
            "and what was known by then may still come in"
        )
    oldest = oldest_kept(session.configuration.settings.store.retention, session.clock.now())
    if at is not None and at - period < oldest:
        raise click.UsageError(f"rows from before {oldest:%Y-%m-%d} are no longer kept (store.retention.raw)")
    otherwise = Terms.configured(session.configuration, provider)
    card = card_at(reader, otherwise, provider, in_milliseconds(at), period) if at else None
    if card is None:
        raise click.UsageError(f"there is no verdict on {provider!r} by then; touchstone tiers lists who has one")
    return card


def _write(body: bytes, output: Path) -> None:
    if str(output) == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    else:
        output.write_bytes(body)
