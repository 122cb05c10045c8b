"""Quantities as people write them in YAML: durations (`60s`, `5m`, `30d`, `500ms`) and shares (`99.9%`, `0.999`)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

_DURATION = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|m|h|d)$")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PERCENT = re.compile(r"^(?P<number>\d+(?:\.\d+)?)\s*%$")


def parse_duration_s(value: object) -> float:
    """Seconds of a duration; a bare number is refused because nobody can tell its unit."""
    if isinstance(value, float) and value > 0:  # already parsed (defaults, model_copy)
        return value
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not a duration: {value!r}; write a number with a unit: 500ms, 60s, 5m, 1h or 30d")
    seconds = float(match["number"]) * _UNIT_S[match["unit"]]
    if seconds <= 0:
        raise ValueError(f"not a duration: {value!r}; it must be longer than zero")
    return seconds


def parse_ratio(value: object) -> float:
    """A share between 0 and 1, written `99.9%` or `0.999`."""
    if isinstance(value, str) and (match := _PERCENT.match(value.strip())):
        ratio = round(float(match["number"]) / 100, 12)  # 99.9% is 0.999, not its neighbour
    elif isinstance(value, int | float) and not isinstance(value, bool):
        ratio = float(value)
    else:
        raise ValueError(f"not a share: {value!r}; write 99.9% or 0.999")
    if not 0 <= ratio <= 1:
        raise ValueError(f"not a share: {value!r}; it must lie between 0 and 1 (write 99.9% for a percentage)")
    return ratio


def parse_percent(value: object) -> Decimal:
    """The exact share of a percentage, `99.9%`; a bare number is refused, because 0.5 may mean either."""
    if isinstance(value, Decimal):  # already parsed (defaults, model_copy)
        return value
    match = _PERCENT.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"not a percentage: {value!r}; write it with its sign, like 99.9%")
    return Decimal(match["number"]) / 100


DurationS = Annotated[
    float,
    BeforeValidator(parse_duration_s),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d)$",
            "description": "number and unit: 500ms, 60s, 5m, 1h, 30d",
        }
    ),
]
Ratio = Annotated[
    float,
    BeforeValidator(parse_ratio),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"},
            ],
            "description": "a share: 99.9% or 0.999",
        }
    ),
]
