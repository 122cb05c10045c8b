"""`touchstone export observations`: the facts as a file for other tools."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from collector.exports.observations import FORMATS
from touchstone import exit_codes
from touchstone.session import Session, pass_session


@click.group("export")
def command() -> None:
    """Facts as files."""


@command.command("observations")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="parquet", show_default=True)
@click.option("--from", "start", metavar="ISO8601", help="First tick (default: seven days before --to).")
@click.option("--to", "end", metavar="ISO8601", help="Before this tick (default: now).")
@click.option("--provider", default="", help="Of this provider only.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: observations.FORMAT.")
@pass_session
def observations(
    session: Session, form: str, start: str | None, end: str | None, provider: str, output: Path | None
) -> int:
    """Write every observation whose tick is in the window, re-probes and real traffic included."""
    from functools import partial

    from rich.filesize import decimal
    from rich.progress import Progress

    from collector.exports.observations import days, write
    from collector.storage.reading import observations as read

    until = _instant("--to", end) or session.clock.now()
    since = _instant("--from", start) or until - timedelta(days=7)
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


def _instant(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{option} {text!r} is not ISO 8601, as 2026-01-31 or 2026-01-31T12:00:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
