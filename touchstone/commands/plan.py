"""`touchstone plan`: what the configuration costs a day, how soon it notices, what it can claim."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from touchstone.probe_plan import ProviderPlan
    from touchstone.store_plan import TablePlan


@click.command("plan")
@click.option(
    "--price-per-million-tokens",
    "price",
    type=click.FloatRange(min=0),
    help="In and out alike, where the fleet has none.",
)
@click.option("--prompt-tokens", type=click.IntRange(min=1), default=60, show_default=True, help="Of one probe.")
@click.option("--vantages", type=click.IntRange(1, 100), default=1, show_default=True, help="Places that probe it all.")
@json_option
@pass_session
def command(session: Session, price: float | None, prompt_tokens: int, vantages: int, as_json: bool) -> int:
    """Print what every provider's probes cost a day, how soon an outage is noticed, what can be claimed and stored."""
    from touchstone.probe_plan import plan
    from touchstone.store_plan import store_plan

    plans = plan(session.configuration, price=price, prompt_tokens=prompt_tokens)
    tables = store_plan(session.configuration, vantages=vantages)
    if as_json:
        costs = [one.cost for one in plans if one.cost is not None]
        stored = [asdict(one) | {"bytes_kept": one.bytes_kept} for one in tables]
        cost = sum(costs) if costs else None
        session.print_json({"providers": [_plain(one) for one in plans], "cost": cost, "store": stored})
    else:
        _print_table(session, plans)
        _print_store(session, tables, vantages)
    return exit_codes.FINE


def _plain(plan: ProviderPlan) -> dict[str, Any]:
    """As JSON has it: `claimable` by days, each limit of the budget with when it is reached."""
    claimable = {f"{days}d": value for days, value in plan.claimable.items()}
    budget = [asdict(use) | {"blind_from_s": use.blind_from_s} for use in plan.budget]
    return asdict(plan) | {"claimable": claimable, "budget": budget}


def _print_table(session: Session, plans: tuple[ProviderPlan, ...]) -> None:
    from collector.judgement.wording import count

    session.out.print(_cost_table(plans))
    probes, tokens = sum(one.probes for one in plans), sum(one.tokens_in + one.tokens_out for one in plans)
    warm_ups = count(round(sum(one.warm_ups for one in plans)))
    costs = [one.cost for one in plans if one.cost is not None]
    together = f", {sum(costs):,.2f} a day" if costs else "; give --price-per-million-tokens for the cost"
    session.out.print(
        f"\nTogether {count(round(probes))} probes, {warm_ups} warm-ups and {_short(tokens)} tokens a day{together}.\n"
    )
    session.out.print(_claim_table(plans))
    if any(one.budget for one in plans):
        session.out.print()
        session.out.print(_budget_table(plans))
        for warning in warnings(plans):
            session.err.print(warning, soft_wrap=True)
    session.err.print(
        "\nNotices: to a target being hard down, median for one that refuses at once, worst for one that hangs. "
        "Claims: zero failures in n independent probes; failures in bursts take longer."
    )


def _print_store(session: Session, tables: tuple[TablePlan, ...], vantages: int) -> None:
    from rich.filesize import decimal
    from rich.table import Table

    from collector.judgement.wording import count

    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("Stored", no_wrap=True)
    for heading in ("Rows\na day", "Bytes\na day", "Kept", "Bytes\nthen"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in tables:
        limit = "for ever" if one.days is None else f"{one.days} d"
        then = decimal(round(one.bytes_kept)) + (" a year" if one.days is None else "")
        table.add_row(one.table, count(round(one.rows_day)), decimal(round(one.bytes_day)), limit, then)
    session.out.print()
    session.out.print(table)
    places = "1 vantage" if vantages == 1 else f"{vantages} vantages"
    session.err.print(f"Stored: from {places}; on disk, compressed. Bad minutes and incidents come on top.")


def _cost_table(plans: tuple[ProviderPlan, ...]) -> Table:
    from collector.judgement.wording import count

    priced = any(one.cost is not None for one in plans)
    table = _table(
        "Probes\na day", "Warm-ups\na day", "Tokens in\na day", "out\na day", *(["Cost\na day"] if priced else [])
    )
    for one in plans:
        cost = [] if one.cost is None else [f"{one.cost:,.2f}"]
        asked = (count(round(one.probes)), count(round(one.warm_ups)))
        table.add_row(one.provider, *asked, _short(one.tokens_in), _short(one.tokens_out), *cost)
    return table


def _budget_table(plans: tuple[ProviderPlan, ...]) -> Table:
    table = _table("Budget", "A day", "Needs", "Share %")
    for one in plans:
        for use in one.budget:
            need = "?" if use.need is None else _short(use.need)
            share = "?" if use.need is None else f"{use.need / use.most * 100:,.0f}" if use.most else "-"
            table.add_row(one.provider, use.limit, _short(use.most), need, share)
    return table


def warnings(plans: tuple[ProviderPlan, ...]) -> list[str]:
    """A line for each limit that the plan does not fit in, with the hour from which on nothing would be observed."""
    return [
        f"{one.provider}: {use.limit} is spent at {int(blind // 3600):02}:{int(blind % 3600 // 60):02} UTC; "
        "later ticks are not_observed (observer_budget)"
        for one in plans
        for use in one.budget
        if (blind := use.blind_from_s) is not None
    ]


def _claim_table(plans: tuple[ProviderPlan, ...]) -> Table:
    from math import isinf

    from collector.judgement.wording import UNKNOWN, duration, percent

    table = _table("Notices\nin", "at\nworst", "Claims %\n1 d", "\n7 d", "\n28 d", "Days to\ngold")
    for one in plans:
        claims = [percent(claim, 3).removesuffix(" %") for claim in one.claimable.values()]
        noticed = [UNKNOWN if isinf(seconds) else duration(seconds) for seconds in (one.notice_s, one.notice_worst_s)]
        gold = UNKNOWN if isinf(one.days_to_gold) else f"{one.days_to_gold:.1f}"
        table.add_row(one.provider, *noticed, *claims, gold)
    return table


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 0, 0, 1))
    table.add_column("Provider", no_wrap=True, overflow="ellipsis")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _short(tokens: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if tokens >= size:
            return f"{tokens / size:.1f} {unit}"
    return f"{tokens:.0f}" if tokens >= 100 or tokens == int(tokens) else f"{tokens:.2f}"
