"""What would move a provider up, the tiers of its parts, and how its tiers came about, as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.judgement import outlook_words, wording
from collector.judgement.tier_history import TierChange
from dashboard import markup
from dashboard.markup import text
from schemas.verdict import Outlook, Part, Tier, Verdict

_PARTS = ("", "Tier", "Availability, bounds", "TTFT p95", "n", "Why")
_HISTORY = ("UTC", "What", "From", "To", "Availability, bounds", "n", "Why")


def outlook(verdict: Verdict) -> str:
    """What stands in the way of the tier above, and when it no longer does at the earliest; '' at the top."""
    if verdict.outlook is None:
        return ""
    needs = "".join(f"<li>{text(outlook_words.need(one))}</li>" for one in verdict.outlook.needs)
    return f"<h3>What would move it up</h3>{_headline(verdict.outlook)}<ul>{needs}</ul>"


def parts(several: Sequence[Part]) -> str:
    """The tier of each cluster, then of each model."""
    if not several:
        return ""
    head = '<h3>Its clusters and models <span class="ts-dim">by the same rule over their own observations</span></h3>'
    return head + markup.table(_PARTS, (markup.raw_row(_part(one)) for one in several), "ts-parts")


def history(changes: Iterable[TierChange]) -> str:
    """Every change of a tier, the last first."""
    rows = [markup.raw_row(_change(one)) for one in changes]
    head = f'<h3>How its tiers came about <span class="ts-dim">the last {len(rows)} changes</span></h3>'
    if not rows:
        return f'{head}<div class="ts-nothing">No tier has changed.</div>'
    return head + markup.table(_HISTORY, rows, "ts-changes")


def _headline(one: Outlook) -> str:
    return f'<p class="ts-note">{text(outlook_words.headline(one))}</p>'


def _part(one: Part) -> tuple[str, ...]:
    return (
        f"<b>{text(one.name)}</b><small>{text(one.level.value)}</small>",
        markup.badge(one.tier),
        text(wording.interval(one.availability_low, one.availability_high)),
        text(wording.milliseconds(one.ttft_p95_ms)),
        text(wording.count(one.n)),
        text(_why(one.reasons)),
    )


def _change(one: TierChange) -> tuple[str, ...]:
    return (
        text(f"{one.at:%d %b %Y %H:%M:%S}"),
        f"<b>{text(one.name)}</b><small>{text(one.level)}</small>",
        _before(one.before),
        markup.badge(one.after),
        text(wording.interval(one.availability_low, one.availability_high)),
        text(wording.count(one.n)),
        text(_why(one.reasons)),
    )


def _before(tier: Tier | None) -> str:
    return '<span class="ts-dim">not judged</span>' if tier is None else markup.badge(tier)


def _why(reasons: Iterable[str]) -> str:
    return "; ".join(wording.reason_words(code) for code in reasons)
