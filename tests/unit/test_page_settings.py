"""What the dashboard's process is handed: secrets apart from the settings, and back again."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from dashboard.settings import CLIENT_VARIABLE, COOKIE_VARIABLE, SETTINGS_VARIABLE, TOKEN_VARIABLE, PageSettings
from schemas.errors import ConfigurationError
from tests.unit.test_login_identity import LOGIN
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
    assert "a-token" not in settings.model_dump_json() and "a-token" not in repr(settings)
    assert settings.model_copy(update={"token": None, "password": None}).to_environ() == {
        name: value for name, value in variables.items() if name != TOKEN_VARIABLE
    }
    assert PageSettings.from_environ(variables) == settings
    assert (settings.collector_url, settings.read_only) == ("http://collect:4318", True)


def test_a_login_is_handed_over_with_its_secrets_apart_or_not_at_all(tmp_path: Path) -> None:
    """Each in a variable of its own; without one of them there is no dashboard."""
    path = written(tmp_path, "a-token-of-the-collector")
    login = LOGIN | {"client_secret": "the-secret-of-the-client", "cookie_secret": "the-secret-that-signs-the-cookies"}
    path.write_text(SETTINGS.replace("read_only: true", f"login: {json.dumps(login)}"))
    settings = PageSettings.of(load_configuration(path, {}))
    variables = settings.to_environ()

    assert variables[CLIENT_VARIABLE] == "the-secret-of-the-client"
    assert variables[COOKIE_VARIABLE] == "the-secret-that-signs-the-cookies"
    assert "the-secret" not in repr(settings) + settings.model_dump_json()
    assert PageSettings.from_environ(variables) == settings
    for name in (CLIENT_VARIABLE, COOKIE_VARIABLE):
        with pytest.raises(KeyError, match=name):
            PageSettings.from_environ({one: value for one, value in variables.items() if one != name})


def test_a_large_fleet_can_be_handed_over(tmp_path: Path) -> None:
    """Three thousand clusters, each with a name of its own: no variable is longer than Linux takes."""
    path = written(tmp_path, "a-token-of-the-collector")
    target = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["up"]}
    clusters = {
        f"cluster-{sha256(str(n).encode()).hexdigest()}"[:60]: {"region": f"region-{n}", "targets": {"chat": target}}
        for n in range(3000)
    }
    (tmp_path / "fleet.yaml").write_text(json.dumps({"providers": {"acme": {"clusters": clusters}}}))
    settings = PageSettings.of(load_configuration(path, {}))
    variables = settings.to_environ()

    assert len(variables) > 2
    assert max(map(len, variables.values())) < 128 * 1024 - len(SETTINGS_VARIABLE) - 8
    assert sum(map(len, variables.values())) < 1_000_000
    assert PageSettings.from_environ(variables) == settings
    with pytest.raises(KeyError, match=SETTINGS_VARIABLE):
        PageSettings.from_environ({})


def test_a_token_that_can_be_guessed_is_refused_by_name(tmp_path: Path) -> None:
    """With where it was named."""
    with pytest.raises(ConfigurationError, match="a token has at least"):
        load_configuration(written(tmp_path, "short"), {})
