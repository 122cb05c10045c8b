"""A scorecard as JSON: every figure unrounded to nine digits, keys sorted, times in ISO 8601 UTC."""

from __future__ import annotations

import json
from dataclasses import asdict

from collector.exports.scorecard import FORMAT, Scorecard
from collector.judgement.plain_values import plain


def render(card: Scorecard) -> str:
    """The card as one JSON document that ends in a newline."""
    figures = {name: plain(value) for name, value in asdict(card).items() if name not in {"verdict", "beside"}}
    made = {"format": FORMAT, "verdict": card.verdict.to_json(), "beside": card.beside.to_json()}
    whole = made | {"down_s": card.down_s} | figures
    return json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
