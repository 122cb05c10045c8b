"""What a simulated model answers when JSON or a tool call is asked for: of the schema, or, when sloppy, not quite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from simulator.dice import fraction, number
from simulator.language import VOCABULARY


def wanted_json(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema that the answer's text shall have; None when text is wanted."""
    form = asked.get("response_format")
    if not isinstance(form, dict) or form.get("type") not in ("json_schema", "json_object"):
        return None
    schema = form.get("json_schema", {}).get("schema")
    return schema if isinstance(schema, dict) else {"type": "object", "properties": {"answer": {"type": "string"}}}


def wanted_call(asked: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Name and schema of the tool to call: the one that is named, else the first."""
    try:
        functions = [tool["function"] for tool in asked.get("tools") or ()]
        choice = asked.get("tool_choice")
        name = choice["function"]["name"] if isinstance(choice, dict) else functions[0]["name"]
        return next((one["name"], one["parameters"]) for one in functions if one["name"] == name)
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration):
        return None


def document(seed: int, schema: dict[str, Any], prompt: str, *, share: float = 0.0) -> str:
    """An object of *schema* as JSON, with no space in it; a *share* of them lacks a key, or has a wrong type."""
    properties = schema.get("properties")
    value = {name: _value(seed, one, prompt, name) for name, one in (properties or {}).items()}
    if value and fraction(seed, "sloppy", prompt) < share:
        name = sorted(value)[number(seed, "spoilt", prompt) % len(value)]
        if fraction(seed, "how", prompt) < 0.5:
            del value[name]
        else:
            value[name] = ["unknown"]
    return orjson.dumps(value).decode()


def _value(seed: int, schema: Any, *words: str) -> Any:
    drawn = number(seed, "value", *words)
    if isinstance(schema, dict) and isinstance(choices := schema.get("enum"), list) and choices:
        return choices[drawn % len(choices)]
    match schema.get("type") if isinstance(schema, dict) else None:
        case "integer" | "number":
            return drawn % 40
        case "boolean":
            return drawn % 2 == 0
    return VOCABULARY[drawn % len(VOCABULARY)]
