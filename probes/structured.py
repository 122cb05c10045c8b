"""A small object to ask a model for: its JSON Schema, how to ask for it, and what is wrong with what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from probes.prompt import draws, name
from schemas.observation import Reason

WORDS_MAX = 120  # of what a validator says


@dataclass(frozen=True, slots=True)
class Wanted:
    """A reading to report. Only what every provider's strict mode knows of JSON Schema is in *schema*."""

    schema: dict[str, Any]
    sentence: str


def wanted(nonce: str) -> Wanted:
    """The reading of one attempt, with made-up stations."""
    stations = [name(nonce, f"station {number}") for number in range(3)]
    station, celsius = draws(nonce, "reading", 2)
    celsius %= 40
    schema = {
        "type": "object",
        "properties": {
            "station": {"type": "string", "enum": stations},
            "celsius": {"type": "integer"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "calm": {"type": "boolean"},
        },
        "required": ["station", "celsius", "unit", "calm"],
        "additionalProperties": False,
    }
    sentence = f"At station {stations[station % 3]} it was {celsius} degrees celsius, and the wind was calm."
    return Wanted(schema, sentence)


def fault_in(text: str, schema: dict[str, Any]) -> tuple[Reason | None, str]:
    """What is wrong with *text*, which should be JSON of *schema* and nothing else."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Reason.INVALID_JSON, f"not JSON ({error}): {text[:80]!r}"
    from jsonschema import Draft202012Validator  # 0.1 s, for whoever checks an answer

    errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: error.json_path)
    if errors:
        return Reason.SCHEMA_MISMATCH, f"{errors[0].json_path}: {errors[0].message[:WORDS_MAX]}"
    return None, ""
