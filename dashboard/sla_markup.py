"""Billing months by their contracts, as HTML. Names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from collector.judgement.sla import words
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.statement import Statement
from collector.judgement.wording import count, duration
from dashboard import markup
from dashboard.markup import text

HEADER = (
    "Unit", "Promised", "Counted by the contract", "Experienced", "Estimated credit", "To the next step", "Claim by",
    "n",
)  # fmt: skip
_LOOK = {True: "good", False: "severe", None: "unknown"}


def owed(statements: Sequence[Statement], claims: Mapping[str, ClaimRecord], now: datetime) -> str:
    """What can be claimed now and was not, by currency, and until when the first must be."""
    open_ = [one for one in statements if one.claimable and (one.claim_by is None or one.claim_by > now)]
    due = [one for one in open_ if one.key not in claims]
    if not due:
        said = "All that can be claimed of the months that are shown was." if open_ else (
            "Nothing can be claimed of the months that are shown."
        )  # fmt: skip
        return f'<div class="ts-calm"><b>✓</b> {said}</div>'
    sums: dict[str, Decimal] = {}
    for one in due:
        if one.credit is not None:
            sums[one.currency] = sums.get(one.currency, Decimal(0)) + one.credit.amount
    amounts = " and ".join(words.money(amount, currency) for currency, amount in sorted(sums.items()))
    first = min((one for one in due if one.claim_by is not None), key=lambda one: one.claim_by or now, default=None)
    until = (
        f"The first deadline is in {duration(first.claim_by - now)}: {first.unit}, {first.month.name}."
        if first is not None and first.claim_by is not None
        else "No contract of them says until when."
    )
    number = f"{len(due)} claim{'s' if len(due) != 1 else ''}"
    return (
        f'<div class="ts-note-box"><b>About {text(amounts)}</b> in {text(number)} can be claimed; none is paid '
        f"by itself. {text(until)}</div>"
    )


def month(statements: Iterable[Statement], claims: Mapping[str, ClaimRecord], now: datetime) -> str:
    """One row for each unit of a month."""
    return markup.table(HEADER, (_row(one, words.claim(one, claims, now)) for one in statements), "ts-sla")


def _row(one: Statement, claim: str) -> str:
    gap = ""
    if one.uptime is not None and one.experienced is not None:
        points = (one.uptime.counted - one.experienced) * 100
        gap = f"<small>{float(points):+.3f} points</small>"
    return markup.raw_row(
        (
            f"<b>{text(one.unit)}</b><small>{text(one.commitment)}</small>",
            text(words.percent(one.promised)),
            f'<b class="ts-result ts-{_LOOK[one.kept]}">{text(words.counted(one))}</b>'
            f"<small>{text(_range(one))}</small>",
            f"{text(words.percent(one.experienced))}{gap}",
            f"{text(words.credit(one))}<small>{text(words.credit_range(one))}</small>",
            _step(one),
            _deadline(one, claim),
            f"{text(count(one.n))}<small>{text(count(one.unknown))} unknown</small>",
        )
    )


def _deadline(one: Statement, claim: str) -> str:
    if not claim:
        return '<span class="ts-dim">-</span>'
    return f"{text(words.claim_by(one))}<small>{text(claim)}</small>"


def _range(one: Statement) -> str:
    if one.uptime is None:
        return "not one request is known"
    return "nothing is unknown" if one.uptime.low == one.uptime.high else words.range_of(one)


def _step(one: Statement) -> str:
    if one.cliff is None:
        return '<span class="ts-dim">-</span>'
    then = f"below {words.percent(one.cliff.below)}: {words.percent(one.cliff.credit, 0)}"
    return f"{text(words.to_next_step(one))}<small>{text(then)}</small>"
