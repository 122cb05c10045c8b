"""The JSON Schema of a scorecard as JSON: of the values that it is made of, as `scorecard_json.render` puts them."""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from collector.exports.scorecard import FORMAT, Scorecard

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ID = f"urn:{FORMAT.replace('/', ':').replace('.', ':')}"
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}


def schema() -> dict[str, Any]:
    """
    The schema; every key of an object is required, and others may be added to it under the same `format`.

    It is generated from the dataclasses, and changed where `scorecard_json` writes something else than they hold.
    """
    made = TypeAdapter(Scorecard).json_schema(mode="serialization")
    definitions: dict[str, Any] = made.pop("$defs")
    made["properties"] |= {"format": {"const": FORMAT}, "down_s": {"type": "number", "minimum": 0}}
    definitions["Beside"]["properties"]["reasons"] = _STRINGS
    suspicion = definitions.pop("Suspicion")["properties"]
    definitions["Finding"] = {"type": "object", "properties": _finding(), "title": "Finding"}
    definitions["Examination"]["properties"] = _examination(suspicion)
    for one in (made, *definitions.values()):
        if "properties" in one:
            one["required"] = sorted(one["properties"])
            _undefaulted(one["properties"])
    head = {"$schema": DIALECT, "$id": ID, "title": "Touchstone scorecard"}
    return made | head | {"$defs": dict(sorted(definitions.items()))}


def rendered() -> bytes:
    """The bytes of the shipped file."""
    return json.dumps(schema(), sort_keys=True, indent=2, ensure_ascii=False).encode() + b"\n"


def _examination(suspicion: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in suspicion.items() if name not in {"provider", "evidence"}}
    instant = {"type": "string", "format": "date-time"}
    findings = {"type": "array", "items": {"$ref": "#/$defs/Finding"}}
    return own | {"at": instant, "since": instant, "findings": findings}


def _finding() -> dict[str, Any]:
    counts = {"type": "object", "propertyNames": {"$ref": "#/$defs/Standing"}, "additionalProperties": _COUNT}
    return {"targets": _COUNT, "same": _COUNT, "counts": counts, "worst": {"$ref": "#/$defs/Evidence"}}


def _undefaulted(properties: dict[str, Any]) -> None:
    """Take defaults away: a card always says every value."""
    for one in properties.values():
        one.pop("default", None)
