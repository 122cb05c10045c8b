"""A scorecard as Markdown, to read and to send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from collector.exports.scorecard import Line, Scorecard
from collector.judgement import wording
from collector.judgement.beside import SideLine
from collector.judgement.first_token import Percentiles
from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Finding
from collector.judgement.wording import duration, percent
from schemas.evidence import STANDING_WORDS

_SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|&"})


def render(card: Scorecard) -> str:
    """The card as one Markdown document that ends in a newline."""
    parts = (_head, _why, _claims, _measured, _beside, _errors, _incidents, _foot)
    return "\n".join(line for part in parts for line in part(card))


def _head(card: Scorecard) -> Iterator[str]:
    tier = card.verdict.tier
    yield f"# {escaped(card.name or card.provider)}: {wording.TIER_SIGN[tier]} {tier.value}"
    yield ""
    if card.simulated:
        yield "**Simulated data: these clouds do not exist.**"
        yield ""
    yield f"`{card.provider}` from {_time(card.start)} to {_time(card.end)}"
    yield ""
    for code in card.verdict.reasons:
        yield f"- {escaped(wording.reason_words(code))} (`{code}`)"
    yield ""


def _why(card: Scorecard) -> Iterator[str]:
    if not card.verdict.gates:
        return
    yield "## Why this tier"
    yield ""
    yield from _table(
        ("Tier", "Gate", "Value", "Threshold", "n", "Result", "Note"),
        (
            (
                gate.tier.value,
                wording.gate_title(gate),
                wording.gate_value(gate, gate.value),
                f"{gate.op} {wording.gate_value(gate, gate.threshold)}",
                str(gate.n),
                wording.gate_result(gate),
                gate.note,
            )
            for gate in card.verdict.gates
        ),
    )


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
    yield f"Requests from {_time(since)} to {_time(at)}, by check the worst of all targets. {words.CAVEAT}"
    yield ""
    told, silent = card.examination.parted
    if told:
        yield from _table(
            ("Result", "Check", "Claim", "Found", "Measured", "If it held", "Seen on", "Targets", "Would be caught"),
            (_finding_row(one) for one in told),
        )
    for one in silent:
        yield f"- insufficient data: {escaped(', '.join(_insufficient(one)))}"
    if silent:
        yield ""


def _finding_row(finding: Finding) -> Sequence[str]:
    one = finding.worst
    return (
        STANDING_WORDS[one.standing],
        one.check,
        one.claim,
        one.said,
        words.measurement(one),
        words.error_rate(one),
        words.seen_on(one),
        words.agreement(finding),
        one.smallest,
    )


def _insufficient(finding: Finding) -> Sequence[str]:
    one = finding.worst
    return one.check, one.said, f"n {one.n}", words.agreement(finding)


def _measured(card: Scorecard) -> Iterator[str]:
    bounds = f"Availability ({card.confidence:.0%} bounds)"
    yield "## Measured"
    yield ""
    yield from _table(
        ("", bounds, "n", "Failed", "Unknown", "Not observed"),
        (_measured_row(line) for line in (card.whole, *card.clusters)),
    )
    yield "## Time to first token"
    yield ""
    yield from _table(
        ("", "Connection", "p50", "p95", "p99", "n", "p95 from the intended instant", "n", "of them without a token"),
        (_ttft_row(line.name, ttft) for line in (card.whole, *card.clusters) for ttft in line.ttft),
    )


def _measured_row(line: Line) -> Sequence[str]:
    measured = line.availability
    return (
        line.name,
        wording.UNKNOWN
        if measured is None
        else f"{percent(measured.point)} ({wording.interval(measured.lower, measured.upper)})",
        str(measured.n if measured else 0),
        str(line.n_failed),
        str(line.n_unknown),
        str(line.n_not_observed),
    )


def _ttft_row(name: str, line: Percentiles) -> Sequence[str]:
    return (
        name,
        line.connection,
        *(_ms(value) for value in (line.p50_ms, line.p95_ms, line.p99_ms)),
        str(line.n),
        _ms(line.intended_p95_ms),
        str(line.intended_n),
        str(line.waited_n),
    )


def _beside(card: Scorecard) -> Iterator[str]:
    yield "## Our probes beside real traffic"
    yield ""
    if not card.beside.any_passive:
        yield "No real traffic was seen in this period."
        yield ""
        return
    yield from _table(
        ("", "Source", "Connection", "n", "Failed", "TTFT p50", "TTFT p95", "n"),
        (_side_row(line) for line in card.beside.lines),
    )
    for said in wording.standard_words(card.beside.standard):
        yield f"- {escaped(said)}"
    yield ""


def _side_row(line: SideLine) -> Sequence[str]:
    return (
        line.name,
        wording.SOURCE_NAME[line.source],
        line.connection,
        str(line.n),
        wording.failed_words(line),
        _ms(line.ttft.p50_ms),
        _ms(line.ttft.p95_ms),
        str(line.ttft.n),
    )


def _errors(card: Scorecard) -> Iterator[str]:
    if not card.reasons:
        return
    yield "## Errors"
    yield ""
    yield from _table(("Reason", "Fault", "n"), ((line.reason, line.blame, str(line.n)) for line in card.reasons))


def _incidents(card: Scorecard) -> Iterator[str]:
    yield "## Incidents"
    yield ""
    if not card.incidents:
        yield "None in this period."
        yield ""
        return
    yield from _table(
        ("Incident", "Severity", "Scope", "Reason", "From", "Noticed after", "Lasted"),
        (
            (
                line.id,
                line.severity,
                line.scope,
                line.reason,
                _time(line.failed_at),
                duration(line.noticed_s),
                "still open" if line.lasted_s is None else duration(line.lasted_s),
            )
            for line in card.incidents
        ),
    )


def _foot(card: Scorecard) -> Iterator[str]:
    yield (
        f"Policy `{card.verdict.policy}`, rule {card.verdict.rule_version}. Bounds are one-sided at "
        f"{card.confidence:.0%}, unknown time counted against itself; percentages are rounded down."
    )
    yield ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(escaped(cell) for cell in row) + " |"
    yield ""


def escaped(text: str) -> str:
    """*text* as one line of Markdown that is nothing but text, read from left to right."""
    return "".join(letter if letter.isprintable() else " " for letter in text).translate(_SPECIAL)


def _ms(value: float | None) -> str:
    return wording.UNKNOWN if value is None else f"{value:.0f} ms"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
