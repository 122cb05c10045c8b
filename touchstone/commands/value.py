"""`touchstone value`: the same model at several providers, by what it is worth for the money."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from touchstone import exit_codes
from touchstone.instants import INSTANT, in_milliseconds
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.value.comparison import Comparison, Offer
    from collector.judgement.value.gpu_hour import GpuHour


@click.command("value")
@click.option("--model", help="Of one model only.")
@click.option("--provider", "providers", multiple=True, help="Only this one; give it several times for more.")
@click.option("--days", type=click.IntRange(1, 180), default=30, show_default=True, help="Whole UTC days, with today.")
@click.option("--as-of", "at", type=INSTANT, help="As it was known then; else now.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of tables.")
@json_option
@pass_session
def command(
    session: Session,
    model: str | None,
    providers: tuple[str, ...],
    days: int,
    at: datetime | None,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Print what each provider gives for a model, what that costs with failures in it, and what a GPU-hour costs."""
    from collector.exports import offers as exports
    from collector.judgement.value import words

    found = _compared(session, model, providers, days, in_milliseconds(at or session.clock.now()))
    if as_json:
        session.print_json(exports.plain(found))
    elif as_csv:
        click.echo(exports.as_csv(found), nl=False)
    else:
        _print_offers(session, found.offers)
        _print_gpu_hours(session, found)
        _print_currencies(session, found.offers)
        session.err.print(words.foot(found))
    return exit_codes.FINE


def _compared(session: Session, model: str | None, wanted: tuple[str, ...], days: int, at: datetime) -> Comparison:
    """Of one model or of all, at some providers or at all; raises UsageError for what nobody was asked for."""
    from collector.judgement.value.comparison import comparison
    from collector.storage.queries import Reader
    from touchstone.comparing import terms_of

    configuration = session.configuration
    settings = configuration.settings
    start = at.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    with Reader.open(settings.store) as reader:
        facts = reader.model_facts(start, at, block_s=settings.tiers.block)
        models = sorted({one.model for one in facts})
        if model is not None and model not in models:
            known = ", ".join(models) or "none at all"
            raise click.UsageError(f"nobody was asked for the model {model!r} in these {days} d; models: {known}")
        providers = sorted({one.provider for one in facts if model in {None, one.model}})
        if unknown := sorted({*wanted} - {*providers}):
            known = ", ".join(providers) or "none at all"
            raise click.UsageError(f"{unknown[0]!r} was not asked in these {days} d; providers: {known}")
        terms = terms_of(configuration, reader, at, providers)
    return comparison(facts, terms, start, at, model=model, providers=wanted)


def _print_offers(session: Session, offers: tuple[Offer, ...]) -> None:
    from rich.markup import escape
    from rich.table import Table

    if not offers:
        session.out.print("Nothing was observed of any model in this window.")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 1, 0))
    table.add_column("Provider\nmodel\nstanding", overflow="fold", min_width=16)
    for heading in ("Available\nn", "First token\np50, p95\nn", "Tokens/s\nn"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("1M good tokens\nbounds\nlist price", justify="right", overflow="fold")  # never cut off
    for one in offers:
        table.add_row(*(escape(cell) for cell in _cells(one)))
    session.out.print(table)


def _print_currencies(session: Session, offers: tuple[Offer, ...]) -> None:
    """Which models are not compared, and why."""
    from collector.judgement.value import words
    from collector.judgement.value.comparison import currencies

    for model in sorted({one.model for one in offers}):
        if len(priced_in := currencies(one for one in offers if one.model == model)) > 1:
            session.err.print(f"{model}: {words.differ(priced_in)}", markup=False)


def _cells(one: Offer) -> tuple[str, ...]:
    from collector.judgement.value import words
    from collector.judgement.wording import count

    price = one.price
    return (
        f"{one.provider}\n{one.model}\n{words.standing(one.standing)}",
        f"{words.available(one)}\nn {count(one.n)}",
        f"{words.milliseconds(one.ttft_p50)}\n{words.milliseconds(one.ttft_p95)}\nn {count(one.ttft_n)}",
        f"{words.speed(one.speed)}\nn {count(one.speed_n)}\n{words.as_billed(one)}",
        f"{words.good_price(one)}\n{words.between(price.good if price else None)}\n{words.listed(price)}",
    )


def _print_gpu_hours(session: Session, found: Comparison) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.value import words

    if not found.gpu_hours:
        return
    session.out.print()
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("GPU-hour", overflow="fold", min_width=14)
    for heading in words.STEPS:
        table.add_column(heading, justify="right", overflow="fold")  # of a whole figure, never a part of one
    for provider, one in sorted(found.gpu_hours.items()):
        table.add_row(escape(_bought(provider, one)), *words.steps(one))
        if any(bounds := words.step_bounds(one)):
            table.add_row("", *bounds)
    session.out.print(table)


def _bought(provider: str, one: GpuHour) -> str:
    return f"{provider} ({one.currency})"
