"""A scorecard as one HTML file: to read on a screen, to send, and to print on A4."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collector.exports import card_tables as tables
from collector.exports import page
from collector.exports.card_tables import Table, instant
from collector.exports.page import text
from collector.exports.scorecard import ALL_CONNECTIONS, BAR_DAYS, Line, Scorecard
from collector.judgement import wording
from collector.judgement.integrity import words
from collector.judgement.wording import duration

_LOOK: Mapping[str, str] = MappingProxyType(
    {
        "pass": "good",
        "fail": "severe",
        "not proven": "good",
        "proven": "severe",
        "contradicted": "severe",
        "noticed": "minor",
    }
)


def render(card: Scorecard) -> str:
    """The card as one self-contained page that ends in a newline."""
    parts = (
        _head,
        _tiles,
        _days,
        _why,
        _outlook,
        _parts,
        _claims,
        _measured,
        _beside,
        _errors,
        _incidents,
        _contract,
        _foot,
    )
    body = "\n".join(said for part in parts if (said := part(card)))
    return page.document(f"{card.name or card.provider}: {card.verdict.tier.value}", f"<main>\n{body}\n</main>")


def _head(card: Scorecard) -> str:
    verdict = card.verdict
    notice = '<p class="notice">Simulated data: these clouds do not exist.</p>' if card.simulated else ""
    judged = "" if verdict.at == card.end else f" Judged last at {instant(verdict.at)}."
    reasons = "".join(
        f"<li>{text(wording.reason_words(code))} <code>{text(code)}</code></li>" for code in verdict.reasons
    )
    return (
        f"<header><small>Touchstone scorecard</small><h1>{text(card.name or card.provider)} "
        f"{page.badge(verdict.tier)}</h1>{notice}"
        f'<p class="dim"><code>{text(card.provider)}</code> from {instant(card.start)} to {instant(card.end)}.{judged}'
        f"</p><ul>{reasons}</ul></header>"
    )


def _tiles(card: Scorecard) -> str:
    """The four figures that are asked for first, each with its window and sample size."""
    seen, ttft = card.whole.availability, card.whole.ttft[0]
    assert ttft.connection == ALL_CONNECTIONS
    days = f"{(card.end - card.start).total_seconds() / 86400:.4g} days"
    bounds = f"{wording.interval(seen.lower, seen.upper)} at {card.confidence:.0%}, n {seen.n}" if seen else "n 0"
    whole = sum(line.scope == card.provider for line in card.incidents)
    tiles = (
        (wording.percent(seen.point if seen else None), "Availability", f"{bounds}, {days}"),
        (tables.milliseconds(ttft.p95_ms), "Time to first token, p95", f"n {ttft.n}, {days}"),
        (duration(card.down_s), "Whole provider down", f"incidents of all of it: {whole}, {days}"),
        (str(len(card.incidents)), "Incidents", f"of any part of it, {days}"),
    )
    shown = "".join(
        f"<div><small>{text(what)}</small><b>{text(figure)}</b><small>{text(said)}</small></div>"
        for figure, what, said in tiles
    )
    return f'<div class="tiles">{shown}</div>'


def _days(card: Scorecard) -> str:
    lanes = "".join(_lane(line) for line in (card.whole, *card.clusters))
    return f"<h2>Day by day</h2>{lanes}{page.legend(BAR_DAYS)}"


def _lane(line: Line) -> str:
    name = f"<div><b>{text(line.name)}</b><small>{text(page.answered(line.days))}</small></div>"
    return f'<div class="lane">{name}{page.bars(line.days)}</div>\n'


def _why(card: Scorecard) -> str:
    return f"<h2>Why this tier</h2>{_table(tables.gates(card))}" if card.verdict.gates else ""


def _outlook(card: Scorecard) -> str:
    said = tables.outlook(card)
    if not said:
        return ""
    needs = "".join(f"<li>{text(line)}</li>" for line in said[1:])
    return f"<h2>What would move it up</h2><p>{text(said[0])}.</p><ul>{needs}</ul>"


def _parts(card: Scorecard) -> str:
    return f"<h2>Its clusters and models</h2>{_table(tables.parts(card))}" if card.verdict.parts else ""


def _claims(card: Scorecard) -> str:
    title = "<h2>Are they what they say they are?</h2>"
    if card.examination is None:
        return f"{title}<p>Nothing had been examined yet.</p>"
    since, at = card.examination.since, card.examination.at
    told, silent = card.examination.parted
    lines = "".join(f"<li>insufficient data: {text(', '.join(tables.insufficient(one)))}</li>" for one in silent)
    return (
        f'{title}<p>{text(words.state(card.examination.suspicion))}</p><p class="dim">Requests from {instant(since)} '
        f"to {instant(at)}, by check the worst of all targets. {text(words.CAVEAT)}</p>"
        f"{_table(tables.findings(told)) if told else ''}{f'<ul>{lines}</ul>' if lines else ''}"
    )


def _measured(card: Scorecard) -> str:
    return (
        f"<h2>Measured</h2>{_table(tables.measured(card))}"
        f"<h2>Time to first token</h2>{_table(tables.first_tokens(card))}"
    )


def _beside(card: Scorecard) -> str:
    title = "<h2>Our probes beside real traffic</h2>"
    if not card.beside.any_passive:
        return f"{title}<p>No real traffic was seen in this period.</p>"
    said = "".join(f"<li>{text(line)}</li>" for line in wording.standard_words(card.beside.standard))
    return f"{title}{_table(tables.beside(card))}<ul>{said}</ul>"


def _errors(card: Scorecard) -> str:
    return f"<h2>Errors</h2>{_table(tables.errors(card))}" if card.reasons else ""


def _incidents(card: Scorecard) -> str:
    return f"<h2>Incidents</h2>{_table(tables.incidents(card)) if card.incidents else '<p>None in this period.</p>'}"


def _contract(card: Scorecard) -> str:
    return f"<h2>Its contract</h2>{_table(tables.contract(card))}" if card.contract else ""


def _foot(card: Scorecard) -> str:
    return f"<footer>Policy <code>{text(card.verdict.policy)}</code>, {text(tables.foot(card))}</footer>"


def _table(made: Table) -> str:
    return page.table(made.header, made.rows, look=_LOOK)
