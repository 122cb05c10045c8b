"""A scorecard as JSON: every figure unrounded to nine digits, keys sorted, times in ISO 8601 UTC."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from collector.exports.scorecard import FORMAT, Scorecard
from collector.judgement.integrity.findings import Examination, Finding
from collector.judgement.plain_values import plain


def render(card: Scorecard) -> str:
    """The card as one JSON document that ends in a newline."""
    apart = {"verdict", "beside", "examination"}
    figures = {name: plain(value) for name, value in asdict(card).items() if name not in apart}
    made = {
        "format": FORMAT,
        "verdict": card.verdict.to_json(),
        "beside": card.beside.to_json(),
        "examination": None if card.examination is None else plain(_examination(card.examination)),
    }
    whole = made | {"down_s": card.down_s} | figures
    return json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _examination(one: Examination) -> dict[str, Any]:
    """The suspicion with one finding for each check in place of all its evidence."""
    suspicion = {name: value for name, value in asdict(one.suspicion).items() if name not in {"provider", "evidence"}}
    return {"at": one.at, "since": one.since, "findings": [_finding(each) for each in one.findings]} | suspicion


def _finding(one: Finding) -> dict[str, Any]:
    """The worst evidence of the check, with how many targets say the same and how many stand how."""
    return {"targets": len(one.evidence), "same": one.same, "counts": dict(one.counts), "worst": asdict(one.worst)}
