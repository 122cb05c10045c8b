"""The tables of a scorecard in words, the same in every format that people read; whoever shows them escapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from collector.exports.contract_lines import counted
from collector.exports.scorecard import IncidentLine, Line, Scorecard
from collector.judgement import outlook_words, wording
from collector.judgement.beside import SideLine
from collector.judgement.first_token import Percentiles
from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Finding
from collector.judgement.sla import words as sla_words
from collector.judgement.wording import duration, percent
from schemas.evidence import STANDING_WORDS

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of as many cells."""

    header: Row
    rows: tuple[Row, ...]


def gates(card: Scorecard) -> Table:
    """Every gate of the verdict."""
    return Table(
        ("Tier", "Gate", "Value", "Threshold", "n", "Result", "Note"),
        tuple(
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


def outlook(card: Scorecard) -> tuple[str, ...]:
    """What would move it up and when at the earliest, then what each gate in the way needs; nothing at the top."""
    one = card.verdict.outlook
    return () if one is None else (outlook_words.headline(one), *map(outlook_words.need, one.needs))


def parts(card: Scorecard) -> Table:
    """The tier of each cluster, then of each model."""
    return Table(
        ("", "Of", "Tier", "Availability, bounds", "TTFT p95", "n", "Why"),
        tuple(
            (
                one.name,
                one.level.value,
                f"{wording.TIER_SIGN[one.tier]} {one.tier.value}",
                wording.interval(one.availability_low, one.availability_high),
                wording.milliseconds(one.ttft_p95_ms),
                str(one.n),
                "; ".join(wording.reason_words(code) for code in one.reasons),
            )
            for one in card.verdict.parts
        ),
    )


def findings(told: Sequence[Finding]) -> Table:
    """Of each check that says something, the worst of its targets."""
    return Table(
        ("Result", "Check", "Claim", "Found", "Measured", "If it held", "Seen on", "Targets", "Would be caught"),
        tuple(_finding(one) for one in told),
    )


def _finding(finding: Finding) -> Row:
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


def insufficient(finding: Finding) -> Row:
    """What is said of a check that has too little data."""
    one = finding.worst
    return one.check, one.said, f"n {one.n}", words.agreement(finding)


def measured(card: Scorecard) -> Table:
    """Counts and availability of the provider and of each cluster."""
    bounds = f"Availability ({card.confidence:.0%} bounds)"
    return Table(
        ("", bounds, "n", "Failed", "Unknown", "Not observed"),
        tuple(_measured(line) for line in (card.whole, *card.clusters)),
    )


def _measured(line: Line) -> Row:
    return (
        line.name,
        availability(line),
        str(line.availability.n if line.availability else 0),
        str(line.n_failed),
        str(line.n_unknown),
        str(line.n_not_observed),
    )


def availability(line: Line) -> str:
    """The point with its bounds."""
    seen = line.availability
    return wording.UNKNOWN if seen is None else f"{percent(seen.point)} ({wording.interval(seen.lower, seen.upper)})"


def first_tokens(card: Scorecard) -> Table:
    """Times to first token, by connection."""
    return Table(
        ("", "Connection", "p50", "p95", "p99", "n", "p95 from the intended instant", "n", "of them without a token"),
        tuple(_first_token(line.name, ttft) for line in (card.whole, *card.clusters) for ttft in line.ttft),
    )


def _first_token(name: str, line: Percentiles) -> Row:
    return (
        name,
        line.connection,
        *(milliseconds(value) for value in (line.p50_ms, line.p95_ms, line.p99_ms)),
        str(line.n),
        milliseconds(line.intended_p95_ms),
        str(line.intended_n),
        str(line.waited_n),
    )


def beside(card: Scorecard) -> Table:
    """Our probes beside real traffic."""
    return Table(
        ("", "Source", "Connection", "n", "Failed", "TTFT p50", "TTFT p95", "n"),
        tuple(_side(line) for line in card.beside.lines),
    )


def _side(line: SideLine) -> Row:
    return (
        line.name,
        wording.SOURCE_NAME[line.source],
        line.connection,
        str(line.n),
        wording.failed_words(line),
        milliseconds(line.ttft.p50_ms),
        milliseconds(line.ttft.p95_ms),
        str(line.ttft.n),
    )


def contract(card: Scorecard) -> Table:
    """The billing months that have time in the period: promised, counted, what can be claimed, and whether it was."""
    return Table(
        ("Month", "Unit", "Commitment", "Promised", "Counted", "Estimated credit", "Claim by", "Claimed"),
        tuple(
            (
                one.month if one.final else f"{one.month} so far",
                one.unit,
                one.commitment,
                sla_words.percent(Decimal(one.promised)),
                counted(one),
                "none promised" if one.credit is None else sla_words.money(Decimal(one.credit), one.currency),
                "" if one.claim_by is None else instant(one.claim_by),
                one.claim,
            )
            for one in card.contract
        ),
    )


def errors(card: Scorecard) -> Table:
    """How often each reason came, and whose fault it is."""
    return Table(("Reason", "Fault", "n"), tuple((line.reason, line.blame, str(line.n)) for line in card.reasons))


def incidents(card: Scorecard) -> Table:
    """Every incident of the period."""
    return Table(
        ("Incident", "Severity", "Scope", "Reason", "From", "Noticed after", "Lasted"),
        tuple(_incident(line) for line in card.incidents),
    )


def _incident(line: IncidentLine) -> Row:
    return (
        line.id,
        line.severity,
        line.scope,
        line.reason,
        instant(line.failed_at),
        duration(line.noticed_s),
        "still open" if line.lasted_s is None else duration(line.lasted_s),
    )


def foot(card: Scorecard) -> str:
    """By which rule, and how figures are to be read."""
    return (
        f"rule {card.verdict.rule_version}. Bounds are one-sided at "
        f"{card.confidence:.0%}, unknown time counted against itself; percentages are rounded down."
    )


def milliseconds(value: float | None) -> str:
    """A time to first token in whole milliseconds."""
    return wording.UNKNOWN if value is None else f"{value:.0f} ms"


def instant(at: datetime) -> str:
    """An instant to the second, UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
