"""What checks found of a provider's claims, as HTML. Texts of evidence come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote

from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination, Finding
from collector.judgement.integrity.suspicion import Stage
from collector.judgement.wording import count, duration
from dashboard import markup
from dashboard.markup import text
from schemas.evidence import STANDING_WORDS, Evidence, Standing

TITLE = "Are they what they say they are?"
ANCHOR = "claims"
TARGETS_MAX = 20  # of a check that are shown one by one
LINES_MAX, LINE_CHARS_MAX = 40, 300  # of arithmetic
LOOK = {
    Standing.CONTRADICTED: ("severe", "✗"),
    Standing.NOTICED: ("minor", "~"),
    Standing.NOT_REJECTED: ("unknown", "○"),
    Standing.INSUFFICIENT: ("unknown", "?"),
}
STAGE_LOOK = {Stage.BELOW: "unknown", Stage.REPLY_OPEN: "minor", Stage.EXPLAINED: "unknown", Stage.SUSPECT: "severe"}


def unexamined(every_s: float) -> str:
    """What is said before the first examination."""
    return (
        f'<div class="ts-calm">Nothing was examined yet. The collector does it when it has started and then every '
        f"{text(duration(every_s))} (<code>integrity.every</code>), once no past is being loaded.</div>"
    )


def section(examination: Examination, every_s: float) -> str:
    """How far suspicion has come, then one line for each check, the worst first; what has no data is folded."""
    suspicion = examination.suspicion
    told, silent = examination.parted
    due = examination.at + timedelta(seconds=every_s)
    when = (
        f"Examined {words.minute(examination.at)}, requests since {words.minute(examination.since)}, next due "
        f"{words.minute(due)}. {words.CAVEAT}"
    )
    return (
        f'<div class="ts-state ts-{STAGE_LOOK[suspicion.stage]}">{text(words.state(suspicion))}</div>'
        f'<p class="ts-note ts-when">{text(when)}</p>{"".join(map(_finding, told))}'
        f"{_silent(silent)}{_folded('How E is put together', _lines(words.put_together(suspicion)))}"
    )


def mark(provider: str, stage: Stage) -> str:
    """A link to the section for a provider whose claims are contradicted beyond the line; '' for any other."""
    said = {Stage.REPLY_OPEN: "▲ claims contradicted, may reply", Stage.SUSPECT: "▲ claims contradicted"}.get(stage)
    address = f"provider?provider={quote(provider, safe='')}#{ANCHOR}"
    return f'<a class="ts-mark" href="{text(address)}" target="_self">{said}</a>' if said else ""


def _finding(finding: Finding) -> str:
    one = finding.worst
    smallest = f"<p><i>Would have been caught:</i> {text(one.smallest)}</p>" if one.smallest else ""
    return (
        f'<div class="ts-check" data-check="{text(one.check)}"><div>{result(one)}<b>{text(title(one))}</b>'
        f"<small>{text(one.family)}, {text(words.GRADE_WORDS[one.grade])}</small></div>"
        f"<div><p><i>Claim:</i> {text(one.claim)}</p><p><i>Found:</i> {text(one.said)}</p>{smallest}"
        f"{_details(finding)}</div>"
        f"<div><b>{text(_value(one))}</b>{_figures(one)}"
        f"<small>{text(words.agreement(finding))}</small></div></div>"
    )


def result(one: Evidence, *, sign_only: bool = False) -> str:
    """How a check stands: a sign, and its words unless those stand elsewhere."""
    look, sign = LOOK[one.standing]
    said = sign if sign_only else f"{sign} {STANDING_WORDS[one.standing]}"
    return f'<b class="ts-result ts-{look}">{text(said)}</b>'


def title(one: Evidence) -> str:
    """What a check is called in a heading."""
    return one.check.replace("_", " ")


def _value(one: Evidence) -> str:
    return "no value" if one.value is None else f"{one.value:.6g} {one.unit}".rstrip()


def _figures(one: Evidence) -> str:
    bounds = "" if one.low is None or one.high is None else f"{one.low:.6g} to {one.high:.6g}"
    against = "" if one.threshold is None else f"against {one.threshold:.6g}"
    parts = (
        ", ".join(filter(None, (bounds, against))),
        f"n {count(one.n)}, {words.error_rate(one)}",
        words.seen_on(one),
    )
    return "".join(f"<small>{text(part)}</small>" for part in parts if part)


def _details(finding: Finding) -> str:
    """The arithmetic and assumptions of the worst, and every other target in a line."""
    one, others = finding.worst, finding.evidence[1 : TARGETS_MAX + 1]
    assumed = "".join(f"<li>{text(each)}</li>" for each in one.assumptions)
    more = len(finding.evidence) - 1 - len(others)
    rest = "".join(f"<li>{_other(each)}</li>" for each in others) + (f"<li>and {more} more</li>" if more else "")
    return _folded(
        "Arithmetic, assumptions, other targets" if others else "Arithmetic, assumptions",
        _lines(one.arithmetic)
        + (f"<p>Assuming</p><ul>{assumed}</ul>" if assumed else "")
        + (f"<p>Other targets</p><ul>{rest}</ul>" if rest else ""),
    )


def _other(one: Evidence) -> str:
    told = one.smallest and one.standing is not Standing.INSUFFICIENT
    caught = f"would have been caught: {one.smallest}" if told else ""
    said = "; ".join(filter(None, (one.said, words.measurement(one), words.error_rate(one), caught)))
    return f"{result(one)} <code>{text(one.subject)}</code> {text(said)}"


def _lines(lines: Sequence[str]) -> str:
    shown = [line if len(line) <= LINE_CHARS_MAX else f"{line[:LINE_CHARS_MAX]} ..." for line in lines[:LINES_MAX]]
    if len(lines) > LINES_MAX:
        shown.append(f"and {len(lines) - LINES_MAX} more lines")
    return f"<pre>{text(chr(10).join(shown))}</pre>" if shown else ""


def _silent(silent: Sequence[Finding]) -> str:
    if not silent:
        return ""
    rows = [_silent_row(one) for one in silent]
    plural = "" if len(silent) == 1 else "s"
    table = markup.table(("Check", "Claim", "Why", "n", "Targets"), rows, "ts-silent")
    return _folded(f"Insufficient data: {len(silent)} check{plural}", table)


def _silent_row(finding: Finding) -> str:
    one = finding.worst
    return markup.row((title(one), one.claim, one.said, count(one.n), words.agreement(finding)))


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{text(title)}</summary>{inside}</details>" if inside else ""
