"""`touchstone sla`: billing months by their contracts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.instants import INSTANT, MONTH, in_milliseconds
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.sla.claim_record import ClaimRecord
    from collector.judgement.sla.statement import Statement


@click.command("sla")
@click.argument("provider", required=False)
@click.option(
    "--month", type=MONTH, help="By the month that it begins in; else those that run or can still be claimed."
)
@click.option("--as-of", "at", type=INSTANT, help="As it was known then; else now.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@json_option
@pass_session
def command(
    session: Session, provider: str | None, month: str | None, at: datetime | None, as_csv: bool, as_json: bool
) -> int:
    """Print what was promised, what the contract counts, what was experienced, and what is credited for it."""
    from collector.exports import statements as exports

    at = in_milliseconds(at or session.clock.now())
    made, claims = _statements(session, provider, month, at)
    if as_json:
        session.print_json({"statements": [exports.with_claim(one, claims.get(one.key)) for one in made]})
    elif as_csv:
        click.echo(exports.as_csv(made, claims), nl=False)
    else:
        _print_table(session, made, claims, at)
    return exit_codes.FINE


def _statements(
    session: Session, provider: str | None, month: str | None, at: datetime
) -> tuple[tuple[Statement, ...], dict[str, ClaimRecord]]:
    """Of one provider, or of all that have a contract, and what was claimed; raises UsageError for one without."""
    from collector.storage.queries import Reader
    from touchstone.contracts import contract_with, shares_of

    configuration = session.configuration
    contracts = configuration.contracts if provider is None else {provider: contract_with(configuration, provider)}
    with Reader.open(configuration.settings.store) as reader:
        made = tuple(
            statement
            for share in shares_of(configuration, contracts, at, month)
            for statement in share.statements(reader.records(share, at))
        )
        return made, reader.claims(at, provider or "")


def _print_table(session: Session, made: Iterable[Statement], claims: Mapping[str, ClaimRecord], now: datetime) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("Unit\ncommitment", overflow="fold", min_width=24)
    for heading in ("Counted\nrange\nexperienced", "Credit\nrange\nclaim by\nclaimed"):
        table.add_column(heading, justify="right", no_wrap=True)
    for month, of_month in _by_month(made):
        table.add_row(f"[bold]{month}[/bold]")
        for one in of_month:
            table.add_row(*(escape(cell) for cell in _cells(one, claims, now)))
    session.out.print(table)
    session.err.print(
        "Counted as the contract counts, from our probes; the range takes all unknown time for down, and for up. "
        "Credits are estimates: the provider judges by its own logs."
    )


def _by_month(made: Iterable[Statement]) -> Iterator[tuple[str, list[Statement]]]:
    """Statements by month, the newest first."""
    months: dict[str, list[Statement]] = {}
    for one in made:
        months.setdefault(one.month.name if one.final else f"{one.month.name} so far", []).append(one)
    yield from sorted(months.items(), reverse=True)


def _cells(one: Statement, claims: Mapping[str, ClaimRecord], now: datetime) -> tuple[str, ...]:
    from collector.judgement.sla import words

    step, of_promised = words.to_next_step(one), f"{words.counted(one)} of {words.percent(one.promised)}"
    return (
        "\n".join((one.unit, one.commitment, f"{step} to the next step" if one.cliff else "")),
        f"{of_promised}\n{words.range_of(one)}\n{words.percent(one.experienced)}",
        f"{words.credit(one)}\n{words.credit_range(one)}\n{words.claim_by(one)}\n{words.claim(one, claims, now)}",
    )
