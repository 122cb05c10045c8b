"""`touchstone export`: observations, a public status page and a Grafana dashboard as files."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from collector.exports.observations import FORMATS
from touchstone import exit_codes
from touchstone.instants import INSTANT, in_milliseconds
from touchstone.session import Session, pass_session


@click.group("export")
def command() -> None:
    """Facts as files, for other tools and other people."""


@command.command("observations")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="parquet", show_default=True)
@click.option("--from", "start", type=INSTANT, help="First tick (default: seven days before --to).")
@click.option("--to", "end", type=INSTANT, help="Before this tick (default: now).")
@click.option("--provider", default="", help="Of this provider only.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: observations.FORMAT.")
@pass_session
def observations(
    session: Session, form: str, start: datetime | None, end: datetime | None, provider: str, output: Path | None
) -> int:
    """Write every observation whose tick is in the window, re-probes and real traffic included."""
    from functools import partial

    from rich.filesize import decimal
    from rich.progress import Progress

    from collector.exports.observations import days, write
    from collector.storage.reading import observations as read

    until = end or session.clock.now()
    since = start or until - timedelta(days=7)
    if since >= until:
        raise click.UsageError(f"--from {since.isoformat()} is not before --to {until.isoformat()}")
    several = list(days(since, until))
    path = output or Path(f"observations.{form}")
    fetch = partial(read, session.configuration.settings.store, provider=provider)
    with Progress(console=session.err, transient=True) as progress:
        task = progress.add_task("days", total=len(several))
        size = write(
            path,
            form,
            several,
            lambda low, high, wanted: fetch(low, high, form=wanted),
            lambda done: progress.update(task, completed=done),
        )
    session.err.print(f"{path}: {decimal(size)}, ticks from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC")
    return exit_codes.FINE


@command.command("status-page")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="A folder for index.html."
)
@click.option("--as-of", "at", type=INSTANT, help="As it was known then; else at the last verdicts.")
@click.option("--provider", "providers", multiple=True, help="Show this one; several. Default: every one of the fleet.")
@click.option("--states-only", is_flag=True, help="Say of each provider only whether it has an open incident, no tier.")
@pass_session
def status_page(
    session: Session, output: Path, at: datetime | None, providers: tuple[str, ...], states_only: bool
) -> int:
    """Write a public status page as static HTML; exit 1 when it is out of date already."""
    from collector.exports.status_page import STALE, render
    from collector.public_status import status_at
    from collector.storage.queries import Reader

    configuration = session.configuration
    if unknown := sorted(set(providers) - set(configuration.fleet.providers)):
        raise click.UsageError(f"the fleet has no provider {unknown[0]!r}")
    with Reader.open(configuration.settings.store) as reader:
        settled = reader.settled_at()
        if settled is None:
            raise click.UsageError("there is no verdict yet; the page would say nothing")
        if at is not None and in_milliseconds(at) > settled:
            raise click.UsageError(f"--as-of is not settled yet: the last verdicts are of {settled.isoformat()}")
        status = status_at(reader, configuration, in_milliseconds(at or settled), providers)
    output.mkdir(parents=True, exist_ok=True)
    (output / "index.html").write_text(render(status, tiers=not states_only), encoding="utf-8")
    session.err.print(f"{output / 'index.html'}: as of {status.at:%Y-%m-%d %H:%M:%S} UTC")
    if at is None and session.clock.now() - settled > STALE:
        session.err.print("the last verdicts are older than an hour: is the collector running?")
        return exit_codes.FINDINGS
    return exit_codes.FINE


@command.command("grafana")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="-", help="A file, or - for standard output.")
@pass_session
def grafana(session: Session, output: Path) -> int:
    """Write a Grafana dashboard to import; it asks for a ClickHouse data source then."""
    from collector.exports.grafana_dashboard import render
    from collector.storage.grafana_queries import PROVIDERS, QUERIES

    made = render(QUERIES, PROVIDERS, session.configuration.settings.store.database)
    if str(output) == "-":
        click.echo(made, nl=False)
    else:
        output.write_text(made, encoding="utf-8")
    return exit_codes.FINE
