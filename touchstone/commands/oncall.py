"""`touchstone oncall`: how paging and the people behind it do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session


@click.command("oncall")
@click.option("--days", type=click.IntRange(1, 365), default=28, show_default=True, help="How far back.")
@json_option
@pass_session
def command(session: Session, days: int, as_json: bool) -> int:
    """Print pages a week, medians to page, to acknowledge (MTTA) and to repair (MTTR), and our own delivery."""
    from collector.judgement.response_times import response_times
    from collector.judgement.wording import UNKNOWN, duration
    from collector.storage.queries import Reader

    window = timedelta(days=days)
    with Reader.open(session.configuration.settings.store) as reader:
        now = reader.now()
        figures = response_times(reader.handled(now - window, now), window)
    delivery, silent = _delivery(session)
    code = exit_codes.FINDINGS if delivery.get("met") is False else exit_codes.FINE
    if as_json:
        session.print_json(asdict(figures) | {"delivery": delivery or None})
        return code

    def median(seconds: float | None, n: int) -> str:
        return UNKNOWN if seconds is None else f"{duration(seconds)} (median of {n})"

    by_severity = ", ".join(f"{severity} {n}" for severity, n in figures.incidents.items()) or "none"
    for name, said in (
        ("window", f"{days} days to {now:%Y-%m-%d %H:%M} UTC"),
        ("incidents", f"{by_severity}; {figures.unpaged} that nobody was told of"),
        ("pages", f"{figures.pages}, {figures.pages_a_week:.1f} a week"),
        ("first failure to page", median(figures.to_page_s, figures.to_page_n)),
        ("page to ack (MTTA)", median(figures.mtta_s, figures.mtta_n)),
        ("failure to end (MTTR)", median(figures.mttr_s, figures.mttr_n)),
        ("drills", f"{figures.drills_delivered} of {figures.drills} arrived"),
        ("drill to page", median(figures.drill_to_page_s, figures.drills_delivered)),
        ("our own delivery", _said(delivery) if delivery else f"{UNKNOWN}: {silent}"),
    ):
        session.say(f"{name:22} {said}")
    return code


def _delivery(session: Session) -> tuple[dict[str, Any], str]:
    """How the collector says that its pages were delivered; why it says nothing."""
    from schemas.errors import DeliveryError
    from touchstone.collector_client import ask

    try:
        return ask(session.configuration.settings.agent, "/api/v1/delivery"), ""
    except DeliveryError as error:
        return {}, str(error)


def _said(delivery: dict[str, Any]) -> str:
    """Against the objective: `99.95 % of n 2 011 within 30 s (99.90 % wanted, 30 d); 51 % of the budget left`."""
    from collector.judgement.wording import count, duration, percent

    wanted = f"{percent(delivery['objective'])} wanted, {duration(delivery['window_s'])}"
    if not delivery["owed"]:
        return f"no page was owed ({wanted})"
    left = delivery["budget_left"]
    budget = f"{percent(left, 0)} of the budget left" if left >= 0 else "the budget is overspent"
    within = duration(delivery["within_s"])
    return f"{percent(delivery['share'])} of n {count(delivery['owed'])} within {within} ({wanted}); {budget}"
