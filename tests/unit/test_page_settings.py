"""What the dashboard's process is handed: secrets apart from the settings, and back again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.settings import SETTINGS_VARIABLE, TOKEN_VARIABLE, PageSettings
from schemas.errors import ConfigurationError
from touchstone.config_file import load_configuration

SETTINGS = """
version: 1
fleet: fleet.yaml
dashboard: {collector_url: "http://collect:4318", token_file: token, read_only: true}
modules: {up: {kind: http_request}}
"""
FLEET = """
providers: {acme: {clusters: {east: {targets: {chat: {model: m, url: "http://127.0.0.1:9/v1", modules: [up]}}}}}}
"""


def written(folder: Path, token: str) -> Path:
    """Settings whose dashboard has a token in a file."""
    (folder / "fleet.yaml").write_text(FLEET)
    (folder / "token").write_text(token)
    (folder / "touchstone.yaml").write_text(SETTINGS)
    return folder / "touchstone.yaml"


def test_the_token_goes_by_a_variable_of_its_own(tmp_path: Path) -> None:
    """Never among the settings, never in a repr; the other side has it again."""
    settings = PageSettings.of(load_configuration(written(tmp_path, "a-token-of-the-collector"), {}))
    variables = settings.to_environ()

    assert variables[TOKEN_VARIABLE] == "a-token-of-the-collector"
    assert "a-token" not in variables[SETTINGS_VARIABLE] and "a-token" not in repr(settings)
    assert PageSettings.from_environ(variables) == settings
    assert (settings.collector_url, settings.read_only) == ("http://collect:4318", True)


def test_a_token_that_can_be_guessed_is_refused_by_name(tmp_path: Path) -> None:
    """With where it was named."""
    with pytest.raises(ConfigurationError, match="a token has at least"):
        load_configuration(written(tmp_path, "short"), {})
