"""Who would send by apprise hears at the start that it cannot: the package is absent, or knows no such service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.support.processes import touchstone

URL = "nosuchservice://pl4nt3d-mark"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration that is valid but for its one destination."""
    settings = {
        "version": 1,
        "fleet": "fleet.yaml",
        "store": {"url": "http://127.0.0.1:1"},
        "collector": {"state": str(tmp_path / "state.db")},
        "modules": {"chat": {"kind": "chat_stream"}},
        "paging": {"destinations": {"rest": {"kind": "apprise", "url": URL}}},
    }
    target = {"model": "m", "url": "https://inference.example/v1", "modules": ["chat"]}
    fleet = {"providers": {"acme": {"clusters": {"east": {"targets": {"chat": target}}}}}}
    (tmp_path / "touchstone.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    return tmp_path / "touchstone.yaml"


@pytest.mark.parametrize("command", ["check-config", "collect"])
def test_a_service_that_the_package_does_not_know_is_a_finding(command: str, config: Path) -> None:
    """Exit code 2, where it stands, and not the URL."""
    result = touchstone("-c", str(config), command)
    said = result.stdout + result.stderr

    assert result.returncode == 2
    assert f"{config}: paging.destinations.rest: the package apprise knows no service with an URL of this form" in said
    assert "pl4nt3d" not in said


@pytest.mark.parametrize("command", ["check-config", "collect"])
def test_without_the_package_it_is_said_how_to_get_it(command: str, config: Path, tmp_path: Path) -> None:
    """Nothing else of the configuration needs it."""
    (tmp_path / "apprise.py").write_text("raise ImportError('left out of this machine')\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = touchstone("-c", str(config), command, PYTHONPATH=path)

    assert result.returncode == 2
    assert "paging.destinations.rest: the package apprise is not installed" in result.stdout + result.stderr


def test_one_that_it_knows_is_fine(config: Path) -> None:
    """So that the findings above say something."""
    config.write_text(config.read_text().replace(URL, "json://hooks.example/pl4nt3d-mark"))
    result = touchstone("-c", str(config), "check-config")

    assert (result.returncode, result.stdout) == (0, "fine: 1 providers, 1 clusters, 1 targets\n")
