"""`touchstone backtest`: what a policy would have paged over the stored past, beside what was paged."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.judgement.backtest import WouldPage
    from collector.storage.incident_queries import IncidentRow
    from schemas.incident import Severity
    from touchstone.config_file import Policy

STEP_S = 15


@click.command("backtest")
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with `paging` and `objectives`, whatever else it holds (default: the settings).",
)
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="Up to now.")
@json_option
@pass_session
def command(session: Session, file: Path | None, days: int, as_json: bool) -> int:
    """Judge the stored past again, and print every page that the policy would have sent."""
    from collector.storage.queries import Reader
    from collector.storage.recorded import ROWS_MAX
    from touchstone.config_file import Policy, load_policy

    configuration = session.configuration
    settings = configuration.settings
    policy = Policy(paging=settings.paging, objectives=settings.objectives)
    if file is not None:
        policy = load_policy(file, os.environ, policy)
    with Reader.open(settings.store) as reader:
        now = reader.now()
        end = datetime.fromtimestamp(now.timestamp() // STEP_S * STEP_S, UTC)
        start = end - timedelta(days=days)
        really = reader.recent_incidents(ROWS_MAX, since=start, until=end)
        paged = reader.first_pages([incident.id for incident in really])
    began = session.clock.monotonic()
    pages, observations = _replayed(session, policy, start, end)
    took_s = session.clock.monotonic() - began
    told = [(paged[one.id], one) for one in really if one.id in paged]
    if as_json:
        session.print_json(_plain(pages, told, start, end, observations, took_s))
    else:
        _print(session, pages, told, start, end)
        if len(really) == ROWS_MAX:
            session.err.print(f"really: of the newest {ROWS_MAX:,} incidents only")
        session.err.print(
            f"{observations:,} observations, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, in {took_s:.0f} s"
        )
    return exit_codes.FINE


def _replayed(session: Session, policy: Policy, start: datetime, end: datetime) -> tuple[list[WouldPage], int]:
    """
    The pages in order, and how many observations were judged.

    It begins as long before *start* as the longest window, so that windows are full and what was down then is known.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from collector.judgement.backtest import Replay
    from collector.judgement.fleet_index import FleetIndex
    from collector.storage.replay import hours

    configuration = session.configuration
    windows = [pair.long for objective in policy.objectives for pair in objective.burn.pairs]
    begin = start - timedelta(seconds=max(windows, default=0.0) // STEP_S * STEP_S)
    index = replace(FleetIndex.of(configuration), intervals_s={})  # missing data is not judged
    replay = Replay(policy.paging, policy.objectives, index, begin)
    pages: list[WouldPage] = []
    judged = 0
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True) as progress:
        task = progress.add_task("backtest", total=(end - begin) / timedelta(hours=1), said="")
        for until, observations in hours(configuration.settings.store, begin, end):
            pages += (page for page in replay.feed(observations, until) if page.at >= start)
            judged += len(observations)
            said = f"{until:%Y-%m-%d}, {len(pages)} pages"
            progress.update(task, completed=(until - begin) / timedelta(hours=1), said=said)
    return sorted(pages, key=lambda page: (page.at, str(page.scope))), judged


def _plain(
    pages: list[WouldPage],
    told: list[tuple[datetime, IncidentRow]],
    start: datetime,
    end: datetime,
    observations: int,
    took_s: float,
) -> dict[str, Any]:
    from collector.judgement.backtest import by_week, minutes_to_page

    return {
        "start": start,
        "end": end,
        "observations": observations,
        "seconds": round(took_s, 1),
        "pages": [
            {
                "at": page.at,
                "change": page.change.value,
                "severity": page.severity.value,
                "signal": page.signal.value,
                "level": page.scope.level.value,
                "scope": page.scope.id,
                "provider": page.provider,
                "reason": page.reason,
                "rule": page.rule,
                "failed_at": page.failed_at,
            }
            for page in pages
        ],
        "by_severity": _by_severity(Counter(page.severity for page in pages)),
        "by_week": [_by_severity(week) for week in by_week([(page.at, page.severity) for page in pages], start, end)],
        "minutes_to_page_median": minutes_to_page(pages),
        "really_paged": {
            "by_severity": _by_severity(Counter(incident.severity for _, incident in told)),
            "incidents": [
                {"at": at, "incident": one.id, "severity": one.severity.value, "scope": one.scope} for at, one in told
            ],
        },
    }


def _by_severity(counts: Mapping[Severity, int]) -> dict[str, int]:
    return {severity.value: n for severity, n in sorted(counts.items())}


def _print(
    session: Session,
    pages: list[WouldPage],
    told: list[tuple[datetime, IncidentRow]],
    start: datetime,
    end: datetime,
) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.backtest import by_week, minutes_to_page
    from schemas.incident import Severity, Signal

    if pages:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("When (UTC)", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("What and why", overflow="fold")
        for page in pages:
            what = f"{page.scope.id} {page.signal.replace('_', ' ')} {page.change}: {page.reason}, {page.rule}"
            table.add_row(f"{page.at:%m-%d %H:%M:%S}", page.severity.value, escape(what))
        session.out.print(table)
    weeks = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("Week from", *Severity, "really"):
        weeks.add_column(str(heading), justify="left" if heading == "Week from" else "right", no_wrap=True)
    ours = by_week([(page.at, page.severity) for page in pages], start, end)
    theirs = by_week([(at, incident.severity) for at, incident in told], start, end)
    for number, (week, really) in enumerate(zip(ours, theirs, strict=True)):
        counts = (str(week.get(severity, 0)) for severity in Severity)
        weeks.add_row(f"{start + timedelta(days=7 * number):%Y-%m-%d}", *counts, str(sum(really.values())))
    totals = Counter(page.severity for page in pages)
    weeks.add_row("all", *(str(totals[severity]) for severity in Severity), str(len(told)))
    session.out.print(weeks)
    said = [
        f"{signal.replace('_', ' ')} {minutes:.1f}"
        for signal in (Signal.HARD_DOWN, Signal.ERROR_BURN, Signal.LATENCY_BURN)
        if (minutes := minutes_to_page(pages, signal)) is not None
    ]
    session.out.print("minutes from the first failure to the page, median:")
    session.out.print(", ".join(said) or "no page")
