"""`touchstone prompts`: a commitment before, the set after, and a check that needs no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.compose import ROOT
from tests.support.processes import answer_of, touchstone

CONFIG = str(ROOT / "examples" / "integrity" / "touchstone.yaml")
KEYS = {"TOUCHSTONE_PROMPTS": "a-secret-that-nobody-knows", "ACME_KEY": "k"}
SET = ("--set", "2026-q4", "--prompts", "5")


def prompts(*arguments: str) -> str:
    """What the command prints, which ends well."""
    result = touchstone("-c", CONFIG, "prompts", *arguments, **KEYS)
    assert result.returncode == 0, result.stderr
    assert KEYS["TOUCHSTONE_PROMPTS"] not in result.stdout + result.stderr
    return result.stdout


def test_what_was_committed_to_is_what_is_revealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a hash before, by key and prompts after; the check needs no configuration, and another key does not pass."""
    published = prompts("commitment", *SET).strip()
    revealed = json.loads(prompts("reveal", *SET, "--json"))
    monkeypatch.chdir(tmp_path)  # where there is no configuration
    proof = ("prompts", "check", *SET, "--commitment", published)

    assert revealed["commitment"] == published
    assert len(revealed["prompts"]) == 5
    assert touchstone(*proof, "--key", revealed["key"]).returncode == 0
    assert answer_of(*proof, "--key", "00" * 32, "--json") == {"set": "2026-q4", "prompts": 5, "fits": False}
    assert touchstone(*proof, "--key", "zz").returncode == 2


def test_borders_are_looked_for_with_a_module_of_that_kind() -> None:
    """Usage, in words."""
    result = touchstone("-c", CONFIG, "prompts", "borders", "acme/us-east/chat", "--module", "echo", **KEYS)

    assert result.returncode == 2
    assert "not a border_input module" in result.stderr


@pytest.mark.parametrize(
    ("knob", "said"),
    [
        ("nobody.gap_ms=1", "write PROVIDER.KNOB=VALUE"),
        ("cinder.honesty=1", "with a knob of"),
        ("cinder.prefix_cache=3", "prefix_cache is a bool"),
        ("cinder.region=mars", "one of us-east"),
    ],
)
def test_a_knob_that_no_simulated_cloud_has_is_refused(knob: str, said: str) -> None:
    """In words, before anything is served."""
    result = touchstone("simulate", "serve", "--base-port", "20000", "--deviate", knob, COLUMNS="200")

    assert result.returncode == 2, result.stdout
    assert said in result.stderr
