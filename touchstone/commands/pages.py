"""`touchstone pages`: did the page go out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from collector.delivery_kinds import KINDS, READ_MAX, words
from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session
from touchstone.tables import table

if TYPE_CHECKING:
    from collector.storage.delivery_queries import DeliveryRow, DestinationLine


@click.command("pages")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How far back.")
@click.option("--to", "destination", metavar="DESTINATION", help="Of this one alone.")
@click.option("--state", "states", type=click.Choice(list(KINDS)), multiple=True, help="List these; several.")
@json_option
@pass_session
def command(session: Session, days: int, destination: str | None, states: tuple[str, ...], as_json: bool) -> int:
    """Print how each destination was told, and the last deliveries; exit 1 when a page died, was late or waits."""
    from collector.judgement.window import until_now
    from collector.response_client import vital_signs
    from collector.storage.queries import Reader
    from collector.vital_signs import OUTBOX_S_MAX

    settings = session.configuration.settings
    with Reader.open(settings.store) as reader:
        start, end = until_now(reader.now(), timedelta(days=days))
        lines = reader.destinations(start)
        found = reader.deliveries(start, READ_MAX, destination=destination or "", kinds=states)
    if destination is not None:
        _check(destination, {*settings.paging.destinations, *(line.destination for line in lines)})
        lines = tuple(line for line in lines if line.destination == destination)
    told, silent = vital_signs(settings.dashboard.collector_url, settings.dashboard.token)
    outbox_s = told.outbox_s if told else None
    if as_json:
        outbox = {"oldest_waits_s": outbox_s, "silent": silent}
        session.print_json({"start": start, "end": end, "outbox": outbox} | _plain(lines, found))
    else:
        _print_tables(session, lines, found)
        session.out.print(_waiting(outbox_s, silent))
        session.err.print(
            f"{days} d up to {end:%Y-%m-%d %H:%M} UTC; seconds are from decision to delivery. n {len(found)} "
            f"listed, at most {READ_MAX} are read, what is dead first."
        )
    late = any(line.dead or line.late for line in lines) or (outbox_s or 0.0) > OUTBOX_S_MAX
    return exit_codes.FINDINGS if late else exit_codes.FINE


def _check(destination: str, known: Iterable[str]) -> None:
    """Raise UsageError for a destination that is neither configured nor on record."""
    if destination not in known:
        names = ", ".join(sorted(known)) or "none"
        raise click.UsageError(f"no destination is called {destination!r}; there are {names}")


def _plain(lines: Iterable[DestinationLine], found: Iterable[DeliveryRow]) -> dict[str, Any]:
    return {
        "destinations": [asdict(line) for line in lines],
        "deliveries": [asdict(one) | {"delivered_at": one.delivered_at, "took_s": one.took_s} for one in found],
    }


def _print_tables(session: Session, lines: tuple[DestinationLine, ...], found: tuple[DeliveryRow, ...]) -> None:
    if lines:
        figures = ("Destination", "Delivered\nn", "Dead", "Late", "Median\np95", "n timed")
        session.out.print(table(figures, map(_destination, lines)))
    else:
        session.out.print("No page was tried in this window.")
    session.out.print()
    if found:
        headings = (
            "Decided (UTC)\nfirst try",
            "What\nincident\nerror",
            "Destination\ninstead of",
            "State\nafter, try, answer",
        )
        session.out.print(table(headings, map(_delivery, found), left=4))
    else:
        session.out.print("No delivery is known." if not lines else "None of those that were read is asked for.")
    session.out.print()


def _destination(one: DestinationLine) -> tuple[str, ...]:
    from collector.judgement.wording import UNKNOWN, count, duration, percent

    median, p95 = (UNKNOWN if value is None else duration(value) for value in (one.p50_s, one.p95_s))
    share = f"{percent(one.delivered / one.n)}\n{count(one.n)}"
    return one.destination, share, count(one.dead), count(one.late), f"{median}\n{p95}", count(one.timed)


def _delivery(one: DeliveryRow) -> tuple[str, ...]:
    from collector.judgement.wording import count, duration

    decided = f"{one.decided_at:%d %b %H:%M:%S}" if one.decided_at else "not known yet"
    tried = one.first_attempt_at
    first = f"+{duration(tried - one.decided_at)}" if one.decided_at else f"{tried:%d %b %H:%M:%S}"
    took = "" if one.took_s is None else f"{duration(one.took_s)}, "
    answer = f"HTTP {one.status}" if one.status else "no answer"
    return (
        f"{decided}\n{first}",
        f"{one.severity} {one.change} {one.scope}\n{one.incident}" + (f"\n{one.error}" if one.error else ""),
        one.destination + (f"\ninstead of {one.instead_of}" if one.instead_of else ""),
        f"{words(one)}\n{took}try {count(one.attempts)}, {answer}",
    )


def _waiting(outbox_s: float | None, silent: str) -> str:
    """What was decided and is still to be tried: the collector alone knows."""
    from rich.markup import escape

    from collector.judgement.wording import duration

    if silent:
        return f"? What waits to be sent is not known from here: {escape(silent)}"
    if outbox_s is None:
        return "? What waits to be sent is not known: the collector cannot read its outbox."
    if outbox_s:
        return f"▲ A page waits to be sent, for {duration(outbox_s)}."
    return "✓ Nothing waits that could be sent now."
