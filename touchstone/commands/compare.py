"""`touchstone compare`: every provider over a window, side by side."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.storage.outage_queries import Outage
    from collector.storage.scorecard_queries import ProviderLine


@click.command("compare")
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="Whole UTC days, with today.")
@json_option
@pass_session
def command(session: Session, days: int, as_json: bool) -> int:
    """Print availability, outages and the time to first token of every provider."""
    from collector.storage.queries import Reader

    with Reader.open(session.configuration.settings.store) as reader:
        end = reader.now()
        start = end.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
        lines, outages = reader.compare(start, end), reader.outages(start, end)
    if as_json:
        session.print_json(_plain(lines, outages, start, end))
    else:
        _print_table(session, lines, outages)
        session.err.print(
            f"{days} d up to {end:%Y-%m-%d %H:%M} UTC. Availability: all unknown bad to all unknown good. First token: "
            "percentiles within 1 %. Outages: minutes in which half of what was asked of a target failed, its newest "
            f"{len(outages)}."
        )
    return exit_codes.FINE


def _plain(
    lines: tuple[ProviderLine, ...], outages: tuple[Outage, ...], start: datetime, end: datetime
) -> dict[str, Any]:
    return {
        "start": start,
        "end": end,
        "providers": [
            asdict(line) | dict(zip(("availability_low", "availability_high"), line.availability, strict=True))
            for line in lines
        ],
        "outages": [asdict(one) for one in outages],
    }


def _print_table(session: Session, lines: tuple[ProviderLine, ...], outages: tuple[Outage, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.wording import count, interval, milliseconds

    many = Counter(one.provider for one in outages)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Provider", no_wrap=True, max_width=16)
    for heading in ("Available\nn", "Outages", "First token\np50", "\np95", "\np99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in lines:
        quantiles = (milliseconds(value) for value in (line.p50_ms, line.p95_ms, line.p99_ms))
        available = f"{interval(*line.availability)}\nn {count(line.n)}"
        table.add_row(escape(line.provider), available, count(many[line.provider]), *quantiles)
    session.out.print(table)
