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
    from collector.exports.scorecard import scorecard
    from collector.storage.queries import Reader

    settings, fleet = session.configuration.settings, session.configuration.fleet
    with Reader.open(settings.store) as reader:
        verdict = reader.verdict(provider)
        if verdict is None:
            raise click.UsageError(f"there is no verdict on {provider!r} yet; touchstone tiers lists who has one")
        start = verdict.at - timedelta(days=days)
        summary = reader.provider_summary(provider, start, verdict.at, block_s=settings.tiers.block)
        beside = reader.beside(provider, start, verdict.at, confidence=settings.tiers.confidence)
        incidents = reader.recent_incidents(1000, start, provider=provider, until=verdict.at)
        examination = next(iter(reader.examinations(provider, verdict.at)), None)
    card = scorecard(
        verdict,
        summary.facts,
        summary.clusters,
        incidents,
        beside,
        start=start,
        confidence=settings.tiers.confidence,
        examination=examination,
        name=fleet.providers[provider].name if provider in fleet.providers else "",
        simulated=settings.simulated or summary.simulated,
    )
    _write(renderer(form)(card).encode(), output)
    return exit_codes.FINE


def _write(body: bytes, output: Path) -> None:
    if str(output) == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    else:
        output.write_bytes(body)
