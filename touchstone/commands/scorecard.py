"""`touchstone scorecard`: a provider's exportable record."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from collector.exports.catalog import FORMATS
from touchstone import exit_codes
from touchstone.session import Session, pass_session


@click.command("scorecard")
@click.argument("provider")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="md", show_default=True)
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="How far back it goes.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="-", help="A file, or - for standard output.")
@pass_session
def command(session: Session, provider: str, form: str, days: int, output: Path) -> int:
    """Print the record of PROVIDER up to its last verdict; the same verdict gives the same bytes."""
    from collector.exports.catalog import renderer
    from collector.scorecards import Terms, last_card
    from collector.storage.queries import Reader

    settings, fleet = session.configuration.settings, session.configuration.fleet
    terms = Terms(
        name=fleet.providers[provider].name if provider in fleet.providers else "",
        confidence=settings.tiers.confidence,
        block_s=settings.tiers.block,
        simulated=settings.simulated,
    )
    with Reader.open(settings.store) as reader:
        card = last_card(reader, terms, provider, timedelta(days=days))
    if card is None:
        raise click.UsageError(f"there is no verdict on {provider!r} yet; touchstone tiers lists who has one")
    _write(renderer(form)(card).encode(), output)
    return exit_codes.FINE


def _write(body: bytes, output: Path) -> None:
    if str(output) == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    else:
        output.write_bytes(body)
