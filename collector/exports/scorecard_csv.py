"""A scorecard as CSV: one figure a row, so that a spreadsheet can filter it. RFC 4180, UTF-8."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from collector.exports.csv_table import cell
from collector.exports.scorecard import IncidentLine, Line, Scorecard
from collector.judgement import outlook_words
from collector.judgement.beside import SideLine
from collector.judgement.day_marks import day_title
from collector.judgement.double_standard import Comparison
from collector.judgement.first_token import Percentiles
from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination, Finding
from collector.judgement.integrity.suspicion import DEFAULT_RULE
from collector.judgement.wording import gate_result
from schemas.evidence import STANDING_WORDS

HEADER = ("section", "item", "figure", "value", "unit", "op", "threshold", "n", "low", "high", "result", "note")
Row = dict[str, object]


def render(card: Scorecard) -> str:
    """The card, header first; text that a spreadsheet would run as a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADER, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(card):
        writer.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def _rows(card: Scorecard) -> Iterator[Row]:
    about = {
        "name": card.name,
        "start": card.start.isoformat(),
        "end": card.end.isoformat(),
        "tier": card.verdict.tier.value,
        "judged_at": card.verdict.at.isoformat(),
        "policy": card.verdict.policy,
        "rule_version": card.verdict.rule_version,
        "confidence": card.confidence,
        "simulated": card.simulated,
        "down_s": card.down_s,
    }
    for figure, value in about.items():
        yield {"section": "about", "item": card.provider, "figure": figure, "value": value}
    for reason in card.verdict.reasons:
        yield {"section": "tier_reason", "item": card.provider, "figure": reason}
    for gate in card.verdict.gates:
        yield {
            "section": "gate", "item": gate.tier.value, "figure": gate.name, "value": gate.value, "unit": gate.unit,
            "op": gate.op, "threshold": gate.threshold, "n": gate.n, "low": gate.low, "high": gate.high,
            "result": gate_result(gate), "note": gate.note,
        }  # fmt: skip
    yield from _outlook(card)
    for part in card.verdict.parts:
        yield {
            "section": "part", "item": part.name, "figure": part.level.value, "value": part.tier.value, "n": part.n,
            "low": part.availability_low, "high": part.availability_high, "note": " ".join(part.reasons),
        }  # fmt: skip
    if card.examination is not None:
        yield from _examination(card.provider, card.examination)
    for line in (card.whole, *card.clusters):
        yield from _line(line)
    for side in card.beside.lines:
        yield from _side(side)
    yield from _standard(card)
    for counted in card.reasons:
        yield {
            "section": "error", "item": card.provider, "figure": counted.reason, "n": counted.n,
            "result": counted.blame,
        }  # fmt: skip
    for incident in card.incidents:
        yield from _incident(incident)
    for one in card.contract:
        yield {
            "section": "contract", "item": f"{one.month}/{one.commitment}/{one.unit}", "figure": "uptime",
            "value": one.uptime, "op": ">=", "threshold": one.promised, "result": one.claim,
            "note": f"credit {one.credit or 'none'} {one.currency}, granted {one.granted or 'none'}",
        }  # fmt: skip


def _outlook(card: Scorecard) -> Iterator[Row]:
    """What would move it up: the instant of the whole, then of each gate; empty where time alone does not bring it."""
    one = card.verdict.outlook
    if one is None:
        return
    yield {
        "section": "outlook", "item": card.provider, "figure": "earliest", "result": one.towards.value,
        "value": one.earliest.isoformat() if one.earliest else "", "note": outlook_words.headline(one),
    }  # fmt: skip
    for need in one.needs:
        yield {
            "section": "outlook", "item": card.provider, "figure": need.name, "result": one.towards.value,
            "value": need.at.isoformat() if need.at else "", "threshold": need.threshold, "unit": need.unit,
            "note": outlook_words.need(need),
        }  # fmt: skip


def _examination(provider: str, one: Examination) -> Iterator[Row]:
    suspicion = one.suspicion
    yield {
        "section": "suspicion", "item": provider, "figure": "e", "value": suspicion.e, "op": ">=",
        "threshold": DEFAULT_RULE.e_min, "result": suspicion.stage.value, "note": words.state(suspicion),
    }  # fmt: skip
    for figure, at in (
        ("since", one.since),
        ("examined_at", one.at),
        ("reached", suspicion.reached),
        ("reply_until", suspicion.reply_until),
        ("replied_at", suspicion.reply.at if suspicion.reply else None),
    ):
        value = at.isoformat() if at else None
        yield {"section": "suspicion", "item": provider, "figure": figure, "value": value}
    for finding in one.findings:
        yield from _finding(finding)


def _finding(finding: Finding) -> Iterator[Row]:
    """The worst evidence of a check: what was measured, how surprising it is, and how many targets say the same."""
    one = finding.worst
    about: Row = {"section": "claim", "item": one.subject, "result": STANDING_WORDS[one.standing]}
    yield about | {
        "figure": one.check, "value": one.value, "unit": one.unit, "threshold": one.threshold, "n": one.n,
        "low": one.low, "high": one.high, "note": f"{one.claim}: {one.said}",
    }  # fmt: skip
    yield about | {"figure": f"{one.check} e", "value": one.e, "n": one.n, "note": words.seen_on(one)}
    yield about | {
        "figure": f"{one.check} targets", "value": finding.same, "n": len(finding.evidence),
        "note": words.agreement(finding),
    }  # fmt: skip
    yield about | {"figure": f"{one.check} smallest effect", "note": one.smallest}


def _line(line: Line) -> Iterator[Row]:
    measured = line.availability
    if measured is None:
        yield {"section": "measured", "item": line.name, "figure": "availability", "n": 0}
    else:
        yield {
            "section": "measured", "item": line.name, "figure": "availability", "value": measured.point,
            "n": measured.n, "low": measured.lower, "high": measured.upper,
        }  # fmt: skip
    for day in line.days:
        yield {
            "section": "day", "item": line.name, "figure": day.day.isoformat(), "value": day.availability,
            "n": day.known, "result": day.mark.value, "note": day_title(day),
        }  # fmt: skip
    for name in ("n_ok", "n_degraded", "n_failed", "n_unknown", "n_not_observed"):
        yield {"section": "measured", "item": line.name, "figure": name, "value": getattr(line, name)}
    for ttft in line.ttft:
        yield from _ttft(line.name, ttft)


def _ttft(item: str, line: Percentiles) -> Iterator[Row]:
    plain = (("p50", line.p50_ms), ("p95", line.p95_ms), ("p99", line.p99_ms))
    intended = (("p50", line.intended_p50_ms), ("p95", line.intended_p95_ms), ("p99", line.intended_p99_ms))
    for name, value in plain:
        yield {
            "section": "measured", "item": item, "figure": f"ttft_{name}_ms {line.connection}", "value": value,
            "unit": "ms", "n": line.n, "note": "answers, from the last byte sent",
        }  # fmt: skip
    for name, value in intended:
        yield {
            "section": "measured", "item": item, "figure": f"ttft_intended_{name}_ms {line.connection}",
            "value": value, "unit": "ms", "n": line.intended_n,
            "note": f"from the intended instant; {line.waited_n} without a token at the time they had waited",
        }  # fmt: skip


def _side(line: SideLine) -> Iterator[Row]:
    which = f"{line.source} {line.connection}"
    yield {
        "section": "beside", "item": line.name, "figure": f"failed_share {which}", "value": line.failed_share,
        "n": line.n, "low": line.failed_low, "high": line.failed_high,
        "note": f"{line.n_failed} failed by the provider's fault, {line.n_unknown} unknown",
    }  # fmt: skip
    for name, value in (("p50", line.ttft.p50_ms), ("p95", line.ttft.p95_ms)):
        yield {
            "section": "beside", "item": line.name, "figure": f"ttft_{name}_ms {which}", "value": value, "unit": "ms",
            "n": line.ttft.n,
        }  # fmt: skip


def _standard(card: Scorecard) -> Iterator[Row]:
    standard = card.beside.standard
    result = " ".join(standard.reasons) or "not proven"
    for figure, unit, one in (
        ("failed_share_difference", "", standard.failures),
        ("ttft_ratio", "passive/active", standard.first_token),
    ):
        yield _compared(card.provider, figure, unit, one, result)


def _compared(item: str, figure: str, unit: str, one: Comparison | None, result: str) -> Row:
    if one is None:
        return {"section": "double_standard", "item": item, "figure": figure, "unit": unit, "result": "unknown"}
    return {
        "section": "double_standard", "item": item, "figure": figure, "value": one.effect, "unit": unit,
        "n": one.n_passive, "low": one.low, "high": one.high, "result": result,
        "note": f"p {one.p:.2g}, {one.smallest:.4g} would have shown, {one.n_active} probes, {one.strata} strata",
    }  # fmt: skip


def _incident(line: IncidentLine) -> Iterator[Row]:
    for figure, value, unit in (
        ("failed_at", line.failed_at.isoformat(), ""),
        ("opened_at", line.opened_at.isoformat(), ""),
        ("resolved_at", line.resolved_at.isoformat() if line.resolved_at else "", ""),
        ("noticed_s", line.noticed_s, "s"),
        ("lasted_s", line.lasted_s, "s"),
    ):
        yield {
            "section": "incident", "item": line.id, "figure": figure, "value": value, "unit": unit,
            "result": f"{line.severity} {line.state}", "note": f"{line.scope} {line.reason}: {line.rule}",
        }  # fmt: skip
