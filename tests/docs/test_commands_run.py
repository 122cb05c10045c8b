"""What the documentation shows is run: every command that needs no house around it, and the help of all others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.compose import ROOT
from tests.support.processes import Deployment, touchstone
from touchstone.cli import COMMANDS

EIGHTEEN = str(ROOT / "examples" / "eighteen-clouds" / "touchstone.yaml")
ALONE: dict[str, tuple[tuple[str, ...], str]] = {
    "check-config": (("check-config", EIGHTEEN), "fine: 18 providers, 90 clusters"),
    "check-config as JSON": (("check-config", EIGHTEEN, "--json"), '"findings": []'),
    "the schema": (("check-config", "--schema", "settings"), "$schema"),
    "plan": (("-c", EIGHTEEN, "plan"), "tokens a day"),
    "plan with a price": (("-c", EIGHTEEN, "plan", "--price-per-million-tokens", "0.5", "--json"), '"cost"'),
    "the truth": (("simulate", "truth"), "suspect"),
    "the script": (("simulate", "script", "--json"), '"severity": "P0"'),
    "the version": (("--version",), "touchstone"),
}


@pytest.fixture
def keys() -> dict[str, str]:
    """The environment variables that the example names, with values of the right form."""
    text = "".join(file.read_text() for file in (ROOT / "examples" / "eighteen-clouds").rglob("*.yaml"))
    names = {part.partition("}")[0] for part in text.split("${")[1:]}
    return dict.fromkeys(names, "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0")


@pytest.mark.parametrize("name", ALONE)
def test_a_command_that_needs_nothing_else_does_what_the_pages_say(name: str, keys: dict[str, str]) -> None:
    """Exit code 0 and the words."""
    arguments, words = ALONE[name]
    result = touchstone(*arguments, **keys)

    assert result.returncode == 0, result.stdout + result.stderr
    assert words in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """In a terminal of sixty columns."""
    result = touchstone(name, "--help", COLUMNS="60")

    assert result.returncode == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 60


@pytest.mark.parametrize("name", ["tiers", "explain acme", "incidents", "scorecard acme", "judge", "capacity"])
def test_without_a_store_a_reading_command_says_so(name: str, tmp_path: Path) -> None:
    """Exit code 3, one line, no traceback."""
    house = Deployment(tmp_path)
    house.write(target={"model": "m", "url": "http://127.0.0.1:1/v1"}, module={"kind": "chat_stream"})
    result = touchstone("-c", str(house.config), *name.split())

    assert result.returncode == 3, result.stdout + result.stderr
    assert "connection refused" in result.stderr
    assert "Traceback" not in result.stderr
