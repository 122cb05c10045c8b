"""A scorecard as JSON: every figure unrounded to nine digits, keys sorted, times in ISO 8601 UTC."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from collector.exports.scorecard import FORMAT, Scorecard


def render(card: Scorecard) -> str:
    """The card as one JSON document that ends in a newline."""
    plain = {name: _plain(value) for name, value in asdict(card).items() if name not in {"verdict", "beside"}}
    made = {"format": FORMAT, "verdict": card.verdict.to_json(), "beside": card.beside.to_json()}
    whole = made | {"down_s": card.down_s} | plain
    return json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case float():
            return float(f"{value:.9g}")
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value
