"""`touchstone tiers`: the tier of every provider."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from schemas.verdict import Verdict

_STYLE = {"gold": "yellow", "reliable": "cyan", "suspect": "bold red", "unrated": "dim"}


@click.command("tiers")
@json_option
@pass_session
def command(session: Session, as_json: bool) -> int:
    """Print the tier of every provider with its evidence; exit 1 when one is suspect."""
    from collector.storage.queries import Reader

    configuration = session.configuration
    with Reader.open(configuration.settings.store) as reader:
        known = {verdict.provider: verdict for verdict in reader.latest_verdicts()}
        since = reader.tier_since()
    names = sorted({*configuration.fleet.providers, *known})
    if as_json:
        session.print_json({"providers": [_plain(name, known.get(name), since.get(name)) for name in names]})
    else:
        _print_table(session, names, known, since)
    return exit_codes.FINDINGS if any(v.tier == "suspect" for v in known.values()) else exit_codes.FINE


def _plain(provider: str, verdict: Verdict | None, since: datetime | None) -> dict[str, Any]:
    from collector.judgement.wording import availability_bounds

    if verdict is None:
        return {"provider": provider, "tier": "unrated", "reasons": ["no_evidence"], "n": 0, "at": None}
    low, high = availability_bounds(verdict)
    return {
        "provider": provider,
        "tier": verdict.tier.value,
        "previous": verdict.previous.value if verdict.previous else None,
        "since": since,
        "at": verdict.at,
        "window_start": verdict.window_start,
        "reasons": list(verdict.reasons),
        "availability_low": low,
        "availability_high": high,
        "n": verdict.n,
        "n_ok": verdict.n_ok,
        "n_degraded": verdict.n_degraded,
        "n_failed": verdict.n_failed,
        "n_not_observed": verdict.n_not_observed,
        "policy": verdict.policy,
        "rule_version": verdict.rule_version,
    }


def _why(verdict: Verdict) -> list[str]:
    """What keeps it from better, in words; that it passed everything where nothing does."""
    missed = [code for code in verdict.reasons if not code.startswith("all_")]
    return [code.replace("_", " ") for code in missed or verdict.reasons]


def _print_table(session: Session, names: list[str], known: dict[str, Verdict], since: dict[str, datetime]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.wording import TIER_ORDER, TIER_SIGN, availability_bounds, count, interval

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Provider", no_wrap=True, max_width=16)
    table.add_column("Tier", no_wrap=True)
    table.add_column("Availability\nn", no_wrap=True)
    table.add_column("Since and why")
    for tier in TIER_ORDER:
        for name in names:
            verdict = known.get(name)
            if (verdict.tier if verdict else "unrated") != tier:
                continue
            why = "\n".join(_why(verdict)) if verdict else "no evidence"
            begun = f"{since[name]:%Y-%m-%d %H:%M}\n" if name in since else ""
            measured = f"{interval(*availability_bounds(verdict))}\nn {count(verdict.n)}" if verdict else "unknown"
            table.add_row(
                escape(name), f"[{_STYLE[tier]}]{TIER_SIGN[tier]} {tier.value}[/]", measured, begun + escape(why)
            )
    session.out.print(table)
    judged = max((verdict.at for verdict in known.values()), default=None)
    when = f"judged {judged:%Y-%m-%d %H:%M:%S} UTC" if judged else "nothing was judged yet"
    session.err.print(f"{len(names)} providers, {when}; 95 % bounds, rounded down; touchstone explain PROVIDER")
