"""`touchstone tiers`: the tier of every provider."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from touchstone import exit_codes
from touchstone.session import Session, json_option, pass_session

if TYPE_CHECKING:
    from collector.judgement.tier_history import TierChange
    from schemas.verdict import Verdict

_STYLE = {"gold": "yellow", "reliable": "cyan", "suspect": "bold red", "unrated": "dim"}


@click.command("tiers")
@click.option("--history", metavar="PROVIDER", help="When PROVIDER, its clusters and models changed, and why.")
@json_option
@pass_session
def command(session: Session, history: str | None, as_json: bool) -> int:
    """Print the tier of every provider with its evidence; exit 1 when one is suspect."""
    from collector.storage.queries import Reader

    configuration = session.configuration
    with Reader.open(configuration.settings.store) as reader:
        if history is not None:
            return _history(session, reader.tier_changes(history), history, as_json)
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
        "next_tier": verdict.outlook.towards.value if verdict.outlook else None,
        "next_tier_at_the_earliest": verdict.outlook.earliest if verdict.outlook else None,
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


def _history(session: Session, changes: Sequence[TierChange], provider: str, as_json: bool) -> int:
    """The changes, the newest first; the providers that are known when this one is not."""
    from dataclasses import asdict

    if not changes and provider not in session.configuration.fleet.providers:
        names = ", ".join(sorted(session.configuration.fleet.providers))
        raise click.UsageError(f"no provider is called {provider!r}; there are {names}")
    if as_json:
        session.print_json({"changes": [asdict(change) for change in changes]})
    else:
        _print_history(session, changes)
    return exit_codes.FINE


def _print_history(session: Session, changes: Sequence[TierChange]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from collector.judgement.wording import TIER_SIGN, count, interval

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("UTC", no_wrap=True)
    table.add_column("What", overflow="fold")
    table.add_column("From, to", no_wrap=True)
    table.add_column("Why")
    for one in changes:
        before = f"{TIER_SIGN[one.before]} {one.before.value}" if one.before else "not judged"
        why = ", ".join(code.replace("_", " ") for code in one.reasons)
        measured = f"{interval(one.availability_low, one.availability_high)}, n {count(one.n)}"
        table.add_row(
            f"{one.at:%Y-%m-%d}\n{one.at:%H:%M:%S}",
            escape(f"{one.level}\n{one.name}"),
            f"{before}\n[{_STYLE[one.after]}]{TIER_SIGN[one.after]} {one.after.value}[/]",
            f"{escape(why)}\n[dim]{measured}[/]",
        )
    session.out.print(table if changes else "no tier was given yet")
