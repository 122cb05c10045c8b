"""The reading commands before there is anything to read, and with an instant that cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.storage.migrations import migrate
from schemas.config import Store
from tests.support.processes import Deployment, deployment, touchstone

COMMANDS = (("tiers",), ("explain", "acme"), ("incidents",), ("judge",))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A store that has every table and no row."""
    with deployment(tmp_path_factory.mktemp("house")) as made:
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:1/v1"},
            module={"kind": "chat_stream"},
        )
        made.start("store")
        made.said("store", "http://")
        migrate(Store(url=f"http://127.0.0.1:{made.store_port}", database="touchstone_test"))
        yield made


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_store_a_command_says_where_it_looked(command: tuple[str, ...], tmp_path: Path) -> None:
    """Exit code 3, one line, nothing on standard output."""
    with deployment(tmp_path) as nowhere:
        nowhere.write(target={"model": "m", "url": "http://127.0.0.1:1/v1"}, module={"kind": "chat_stream"})
        result = touchstone("-c", str(nowhere.config), *command, "--json")

    assert (result.returncode, result.stdout) == (3, "")
    assert f"127.0.0.1:{nowhere.store_port}: connection refused" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("check-config",), ("tiers",)])
def test_an_error_steers_no_terminal(command: tuple[str, ...]) -> None:
    """Whatever is named in it."""
    result = touchstone("-c", "\x1b[2J\x1b]0;owned\x07.yaml", *command)

    said = result.stdout + result.stderr
    assert result.returncode in {1, 2} and "\\x1b[2J\\x1b]0;owned\\x07.yaml" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_with_an_empty_store_a_command_answers_with_json(command: tuple[str, ...], house: Deployment) -> None:
    """Unrated, or nothing, is an answer."""
    result = touchstone("-c", str(house.config), *command, "--json")

    assert result.returncode == 0, result.stderr
    assert "unrated" in result.stdout or json.loads(result.stdout)["incidents"] == []
    assert json.loads(result.stdout)


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        ("yesterday", "is not ISO 8601"),
        ("2026-01-31T12:00:00", "has no offset"),
        ("0001-01-01T00:00:00Z", "is not in the years 1971 to 2199"),
        ("9999-12-31T23:59:59-12:00", "is not in the years 1971 to 2199"),
    ],
)
def test_an_instant_that_cannot_be_judged_is_named(instant: str, words: str, house: Deployment) -> None:
    """Exit code 2, with the option."""
    result = touchstone("-c", str(house.config), "judge", "--at", instant)

    assert (result.returncode, result.stdout) == (2, "")
    assert f"'--at': {instant!r} {words}" in result.stderr


def test_nobody_is_explained_with_the_nearest_name(house: Deployment) -> None:
    """Exit code 2."""
    result = touchstone("-c", str(house.config), "explain", "acne", "--json")

    assert (result.returncode, result.stdout) == (2, "")
    assert "did you mean 'acme'?" in result.stderr
