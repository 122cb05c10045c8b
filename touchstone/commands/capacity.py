"""`touchstone capacity`: how full every cluster is, until when, what was delivered, and who can take its load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.instants import INSTANT, in_milliseconds
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from collector.judgement.capacity.report import CapacityReport, ClusterCapacity, EngineCapacity, ProviderCapacity

DAYS_MAX = 90


@click.command("capacity")
@click.argument("provider", required=False)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=14, show_default=True, help="How far back.")
@click.option("--as-of", "at", type=INSTANT, help="As it was known then; else now.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of tables.")
@json_option
@pass_session
def command(session: Session, provider: str | None, days: int, at: datetime | None, as_csv: bool, as_json: bool) -> int:
    """Print utilisation, headroom, saturation, GPUs and failover of every cluster."""
    from collector.exports import capacity as exports

    found = _report(session, provider or "", days, in_milliseconds(at or session.clock.now()))
    if as_json:
        session.print_json(exports.plain(found))
    elif as_csv:
        click.echo(exports.as_csv(found), nl=False)
    else:
        _print_tables(session, found)
    return exit_codes.FINE


def _report(session: Session, provider: str, days: int, at: datetime) -> CapacityReport:
    """Of one provider, or of all; raises UsageError for one that is not in the fleet."""
    from collector.judgement.capacity.holdings import holdings
    from collector.judgement.capacity.report import report
    from collector.judgement.window import from_an_hour
    from collector.storage.queries import Reader

    configuration = session.configuration
    if provider and provider not in configuration.fleet.providers:
        known = ", ".join(sorted(configuration.fleet.providers))
        raise click.UsageError(f"there is no provider {provider!r} in the fleet; there is {known}")
    start, settings = from_an_hour(at, timedelta(days=days)), configuration.settings
    with Reader.open(settings.store) as reader:
        facts = reader.capacity(start, at)
    held = holdings(configuration)
    return report(held, facts, start, at, confidence=settings.tiers.confidence).of(provider)


def _print_tables(session: Session, found: CapacityReport) -> None:
    session.out.print(
        _table(
            (
                "Cluster\nmodel\n429\nno capacity",
                "Cache\nnow\nn\nunread",
                "Running\nnow\nn\nqueueing",
                "Headroom\nof seats\nfull by\nn",
                "Full\nnot before\nn\nif it dies",
            ),
            (row for one in found.clusters for row in _cluster(one)),
        )
    )
    session.out.print(
        _table(
            ("Provider\nclusters read", "GPUs\nreserved", "On pages\nof claimed", "Healthy\nin use", "If it dies"),
            (_provider(one) for one in found.providers),
        )
    )
    session.err.print(
        f"{found.start:%Y-%m-%d %H:%M} to {found.at:%Y-%m-%d %H:%M} UTC; figures are medians to 95th percentiles. "
        "Headroom: requests that fit beside the peak, of the seats. If it dies: the share of its peak load that finds "
        "a place. GPUs are those on the pages that are read. What could not be read is unknown, never zero."
    )


def _table(headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0))
    first, *others = headings
    table.add_column(first, overflow="fold", min_width=22)
    for heading in others:
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _cluster(one: ClusterCapacity) -> Iterator[tuple[str, ...]]:
    from collector.judgement.capacity import words

    limited, full = words.refused_between(one.rate_limited), words.refused_between(one.no_capacity)
    place = words.finds_place(one.failover)
    if not one.engines:
        yield f"{one.cluster}\nno page\n{limited}\n{full}", "unknown", "unknown", "unknown", f"unknown\n\n\n{place}"
    for engine in one.engines:
        yield (f"{one.cluster}\n{engine.model}\n{limited}\n{full}", *_engine(engine), f"{_full(engine)}\n{place}")


def _engine(one: EngineCapacity) -> tuple[str, ...]:
    from collector.judgement.capacity import words
    from collector.judgement.wording import count

    page, now = one.page, one.now
    return (
        f"{words.sign(page.kv.p95)} {words.spread(page.kv, is_share=True)}\n"
        f"{words.now_of(now.get('kv_cache_share'), is_share=True)}\nn {count(page.kv.n)}\n"
        f"{words.share(page.unknown_share)}",
        f"{words.spread(page.running)}\n{words.now_of(now.get('running'))}\nn {count(page.running.n)}\n"
        f"{words.share(page.queueing_share)}",
        f"{words.room(one.headroom)}\n{words.seats(one.headroom)}\n{words.bound(one.headroom)}\n{words.looks(one.headroom)}",
    )


def _full(one: EngineCapacity) -> str:
    from collector.judgement.capacity import words

    return f"{words.full_in(one.saturation)}\n{words.not_before(one.saturation)}\n{words.days(one.saturation)}"


def _provider(one: ProviderCapacity) -> tuple[str, ...]:
    from collector.judgement.capacity import words

    return (
        f"{one.provider}\n{one.measured} of {one.clusters}",
        words.gpus(one.reserved),
        words.delivered(one.gpus),
        f"{words.healthy(one.gpus)}\n{words.in_use(one.gpus)}",
        words.finds_place(one.failover),
    )
