"""`touchstone store migrate`: what it would do, what it did, and that there is nothing to do twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from click.testing import CliRunner

from collector.storage.connection import arguments
from collector.storage.migrations import shipped
from schemas.config import Store
from touchstone.commands.store_migrate import command
from touchstone.session import Session

NAMES = [one.name for one in shipped()]


@pytest.fixture
def session(store_process: str, tmp_path: Path) -> Iterator[Session]:
    """The command line with settings of a database that is not there yet."""
    database = "t_store_migrate"
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet/acme.yaml").write_text(
        "providers: {acme: {clusters: {east: {targets: {up: {model: m, url: 'http://127.0.0.1:1', modules: [up]}}}}}}\n"
    )
    settings = tmp_path / "touchstone.yaml"
    settings.write_text(
        f"version: 1\nfleet: fleet\nstore: {{url: '{store_process}', database: {database}}}\n"
        "modules: {up: {kind: http_request}}\n"
    )
    with clickhouse_connect.get_client(**arguments(Store(url=store_process))) as client:
        client.command(f"DROP DATABASE IF EXISTS {database}")
        yield Session(config_path=settings)
        client.command(f"DROP DATABASE IF EXISTS {database}")


def said(session: Session, *arguments: str) -> str:
    """What the command prints; it succeeds."""
    result = CliRunner().invoke(command, arguments, obj=session, standalone_mode=False)
    assert result.exception is None, result.output
    assert result.return_value == 0
    return result.stdout


def document(session: Session, *arguments: str) -> Any:
    """Its JSON document."""
    return json.loads(said(session, *arguments, "--json"))


def test_a_dry_run_prints_the_statements_and_leaves_them(session: Session) -> None:
    """Twice the same, with each file's name; nothing was applied in between."""
    shown = said(session, "--dry-run")
    assert [line for line in shown.splitlines() if line.startswith("-- ")] == [f"-- {name}" for name in NAMES]
    assert "CREATE TABLE IF NOT EXISTS t_store_migrate.observations\n(" in shown
    assert said(session, "--dry-run") == shown
    assert [one["name"] for one in document(session, "--dry-run")["missing"]] == NAMES


def test_what_is_missing_is_applied_once(session: Session) -> None:
    """Then nothing is missing, in words and as JSON."""
    assert said(session).splitlines() == [f"applied {name}" for name in NAMES]
    assert said(session) == "nothing is missing\n"
    assert document(session) == {"migrated": []}
    assert document(session, "--dry-run") == {"applied": NAMES, "missing": []}
    assert said(session, "--dry-run") == "nothing is missing\n"
