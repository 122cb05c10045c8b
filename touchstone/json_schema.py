"""The JSON Schemas of the configuration files, for editors; generated from the models, shipped in schemas/."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.contract import Contracts
from schemas.fleet import Fleet, Strict
from touchstone.settings_file import SettingsFile

DIALECT = "http://json-schema.org/draft-07/schema#"
FILES: dict[str, type[Strict]] = {
    "touchstone.schema.json": SettingsFile,
    "fleet.schema.json": Fleet,
    "contracts.schema.json": Contracts,
}


def json_schema(model: type[Strict]) -> dict[str, Any]:
    """The schema of *model* in the dialect that YAML language servers read."""
    return {"$schema": DIALECT, **model.model_json_schema()}


def rendered(model: type[Strict]) -> bytes:
    """The bytes of the shipped file."""
    return orjson.dumps(json_schema(model), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
