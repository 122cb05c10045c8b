"""A scorecard as Markdown, to read and to send."""

from __future__ import annotations

from collections.abc import Iterator

from collector.exports import card_tables as tables
from collector.exports.card_tables import Table, instant
from collector.exports.scorecard import Scorecard
from collector.judgement import wording
from collector.judgement.integrity import words

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|&"})


def render(card: Scorecard) -> str:
    """The card as one Markdown document that ends in a newline."""
    parts = (_head, _why, _claims, _measured, _beside, _errors, _incidents, _contract, _foot)
    return "\n".join(line for part in parts for line in part(card))


def _head(card: Scorecard) -> Iterator[str]:
    tier = card.verdict.tier
    yield f"# {escaped(card.name or card.provider)}: {wording.TIER_SIGN[tier]} {tier.value}"
    yield ""
    if card.simulated:
        yield "**Simulated data: these clouds do not exist.**"
        yield ""
    yield f"`{card.provider}` from {instant(card.start)} to {instant(card.end)}"
    yield ""
    if card.verdict.at != card.end:
        yield f"Judged last at {instant(card.verdict.at)}."
        yield ""
    for code in card.verdict.reasons:
        yield f"- {escaped(wording.reason_words(code))} (`{code}`)"
    yield ""


def _why(card: Scorecard) -> Iterator[str]:
    if card.verdict.gates:
        yield "## Why this tier"
        yield ""
        yield from _table(tables.gates(card))
    if said := tables.outlook(card):
        yield "## What would move it up"
        yield ""
        yield f"{escaped(said[0])}."
        yield ""
        yield from (f"- {escaped(line)}" for line in said[1:])
        yield ""
    if card.verdict.parts:
        yield "## Its clusters and models"
        yield ""
        yield from _table(tables.parts(card))


def _claims(card: Scorecard) -> Iterator[str]:
    yield "## Are they what they say they are?"
    yield ""
    if card.examination is None:
        yield "Nothing had been examined yet."
        yield ""
        return
    yield escaped(words.state(card.examination.suspicion))
    yield ""
    since, at = card.examination.since, card.examination.at
    yield f"Requests from {instant(since)} to {instant(at)}, by check the worst of all targets. {words.CAVEAT}"
    yield ""
    told, silent = card.examination.parted
    if told:
        yield from _table(tables.findings(told))
    for one in silent:
        yield f"- insufficient data: {escaped(', '.join(tables.insufficient(one)))}"
    if silent:
        yield ""


def _measured(card: Scorecard) -> Iterator[str]:
    yield "## Measured"
    yield ""
    yield from _table(tables.measured(card))
    yield "## Time to first token"
    yield ""
    yield from _table(tables.first_tokens(card))


def _beside(card: Scorecard) -> Iterator[str]:
    yield "## Our probes beside real traffic"
    yield ""
    if not card.beside.any_passive:
        yield "No real traffic was seen in this period."
        yield ""
        return
    yield from _table(tables.beside(card))
    for said in wording.standard_words(card.beside.standard):
        yield f"- {escaped(said)}"
    yield ""


def _errors(card: Scorecard) -> Iterator[str]:
    if card.reasons:
        yield "## Errors"
        yield ""
        yield from _table(tables.errors(card))


def _incidents(card: Scorecard) -> Iterator[str]:
    yield "## Incidents"
    yield ""
    if card.incidents:
        yield from _table(tables.incidents(card))
    else:
        yield "None in this period."
        yield ""


def _contract(card: Scorecard) -> Iterator[str]:
    if card.contract:
        yield "## Its contract"
        yield ""
        yield from _table(tables.contract(card))


def _foot(card: Scorecard) -> Iterator[str]:
    yield f"Policy `{card.verdict.policy}`, {tables.foot(card)}"
    yield ""


def _table(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(table.header) + " |"
    yield "|" + "---|" * len(table.header)
    for row in table.rows:
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"
    yield ""


def escaped(text: str) -> str:
    """*text* as one line of Markdown that is nothing but text, read from left to right."""
    return "".join(letter if letter.isprintable() else " " for letter in text).translate(_SPECIAL)
