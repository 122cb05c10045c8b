"""Every provider's checks at a glance, as HTML. Texts of evidence come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination, Finding
from collector.judgement.wording import count
from dashboard import markup
from dashboard.claims_markup import ANCHOR, LOOK, STAGE_LOOK, result, title
from dashboard.markup import text
from schemas.evidence import STANDING_WORDS, Standing

HEADER = (
    "Check", "Worst target stands", "Targets", "e", "n", "Smallest effect that would have been caught",
)  # fmt: skip


def legend() -> str:
    """What the signs say; none of them says that a claim is true."""
    said = "".join(f"<span><b>{sign}</b> {text(STANDING_WORDS[one])}</span>" for one, (_, sign) in LOOK.items())
    return f'<div class="ts-legend"><em>Worst target of each check</em>{said}</div>'


def glance(found: Sequence[Examination], checks: Sequence[str]) -> str:
    """A row for each provider, a column for each check: the sign of its worst target."""
    rows = []
    for one in found:
        by_check = {finding.worst.check: finding for finding in one.findings}
        cells = [_cell(by_check.get(check)) for check in checks]
        rows.append(markup.raw_row((_name(one), _stage(one), f"{one.suspicion.e:.4g}", *cells)))
    header = ("Provider", "State", "E", *(check.replace("_", " ") for check in checks))
    return markup.table(header, rows, "ts-list ts-glance")


def _cell(finding: Finding | None) -> str:
    if finding is None:
        return '<span class="ts-dim" title="not examined">-</span>'
    worst = finding.worst
    said = f"{STANDING_WORDS[worst.standing]}: {words.agreement(finding)}"
    return f'<span title="{text(said)}">{result(worst, sign_only=True)}</span>'


def _name(one: Examination) -> str:
    provider = one.suspicion.provider
    address = f"provider?provider={quote(provider, safe='')}#{ANCHOR}"
    return f'<a href="{text(address)}" target="_self"><b>{text(provider)}</b></a>'


def _stage(one: Examination) -> str:
    stage = one.suspicion.stage
    return f'<b class="ts-result ts-{STAGE_LOOK[stage]}">{text(words.STAGE_SHORT[stage])}</b>'


def provider(one: Examination, checks: Sequence[str]) -> str:
    """How far suspicion of one provider has come, when it was examined, and a line for each of *checks*."""
    suspicion = one.suspicion
    rows = [markup.raw_row(_line(finding)) for finding in one.findings if finding.worst.check in checks]
    body = (
        markup.table(HEADER, rows, "ts-list ts-silent") if rows else '<div class="ts-calm">No such check of it.</div>'
    )
    return (
        f'<h2>{_name(one)} <span class="ts-dim">examined {text(words.minute(one.at))}, requests since '
        f"{text(words.minute(one.since))}</span></h2>"
        f'<div class="ts-state ts-{STAGE_LOOK[suspicion.stage]}">{text(words.state(suspicion))}</div>{body}'
    )


def _line(finding: Finding) -> Sequence[str]:
    one = finding.worst
    return (
        f"<b>{text(title(one))}</b><small>{text(one.family)}, {text(words.GRADE_WORDS[one.grade])}</small>",
        f"{result(one)}<small>{text(one.said)}</small>",
        text(words.agreement(finding)),
        text("" if one.standing is Standing.INSUFFICIENT else f"{one.e:.4g}"),
        text(count(one.n)),
        text(one.smallest),
    )
