"""Pages on their way, as HTML. Errors and names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from collector import delivery_kinds
from collector.judgement.wording import count, duration, percent
from collector.storage.delivery_queries import DeliveryRow, DestinationLine
from dashboard import incident_markup, markup
from dashboard.markup import text
from schemas.page import DeliveryState

HEADER = (
    "Decided (UTC)", "What", "Destination", "State", "First try", "Delivered after", "Tries", "Answer", "Instead of",
    "Incident", "Error",
)  # fmt: skip
_LOOK = {DeliveryState.DELIVERED: ("good", "✓"), DeliveryState.DEAD: ("severe", "✗")}


def deliveries(rows: Sequence[DeliveryRow]) -> str:
    """One line for each transition and destination."""
    return markup.table(HEADER, (markup.raw_row(_delivery(one)) for one in rows), "ts-list ts-tries")


def _delivery(one: DeliveryRow) -> Sequence[str]:
    look, sign = _LOOK.get(DeliveryState(one.state), ("bad", "~")) if one.state in set(DeliveryState) else ("bad", "~")
    return (
        text(f"{one.decided_at:%d %b %H:%M:%S}" if one.decided_at else "not known yet"),
        f"<b>{text(one.severity)}</b> {text(one.change)} {text(one.scope)}",
        f"<b>{text(one.destination)}</b>",
        f'<b class="ts-result ts-{look}">{sign} {text(delivery_kinds.words(one))}</b>',
        text(_after(one.decided_at, one.first_attempt_at)),
        text("" if one.took_s is None else duration(one.took_s)),
        text(count(one.attempts)),
        text(f"HTTP {one.status}" if one.status else "no answer"),
        text(one.instead_of),
        incident_markup.link(one.incident),
        f'<span class="ts-note">{text(one.error)}</span>',
    )


def _after(decided_at: datetime | None, at: datetime) -> str:
    return f"+{duration(at - decided_at)}" if decided_at else f"{at:%d %b %H:%M:%S}"


def destinations(lines: Sequence[DestinationLine]) -> str:
    """How each destination is told; seconds from the decision, with how many they are of."""
    header = ("Destination", "Delivered", "n", "Dead", "Late", "Median", "p95", "n timed")
    rows = []
    for one in lines:
        look, sign = ("severe", "✗") if one.dead else ("good", "✓") if one.delivered == one.n else ("bad", "~")
        share = f"{sign} {percent(one.delivered / one.n)}"
        rows.append(
            markup.raw_row(
                (
                    f"<b>{text(one.destination)}</b>",
                    f'<b class="ts-result ts-{look}">{text(share)}</b>',
                    text(count(one.n)),
                    text(count(one.dead)),
                    text(count(one.late)),
                    text("unknown" if one.p50_s is None else duration(one.p50_s)),
                    text("unknown" if one.p95_s is None else duration(one.p95_s)),
                    text(count(one.timed)),
                )
            )
        )
    return markup.table(header, rows, "ts-list ts-narrow")
