"""The shipped JSON Schemas are the models', and accept the examples."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import jsonschema
import orjson
import pytest
import yaml

from touchstone.json_schema import FILES, json_schema, rendered

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_shipped_schema_is_in_step(name: str) -> None:
    """`make schemas` was run after the last change of the models."""
    assert files("schemas").joinpath(name).read_bytes() == rendered(FILES[name])


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/**/*.yaml")), ids=str)
def test_an_example_satisfies_its_schema(file: Path) -> None:
    """What an editor would say of each example: nothing."""
    value = orjson.loads(orjson.dumps(yaml.safe_load(file.read_text())))  # an editor reads dates as text
    name = {"providers": "fleet", "contracts": "contracts"}.get(next(iter(value)), "touchstone")

    jsonschema.validate(value, json_schema(FILES[f"{name}.schema.json"]))


def test_the_schema_refuses_an_unknown_key() -> None:
    """A typing error shows in the editor."""
    value = {"version": 1, "modules": {"chat": {"kind": "chat_stream", "intervall": "5s"}}}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, orjson.loads(rendered(FILES["touchstone.schema.json"])))
