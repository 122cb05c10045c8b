"""`touchstone backtest` and `touchstone rules` as their user runs them, over a small past in a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from collector.storage.replay import hours
from schemas.config import Store
from schemas.observation import Observation, Outcome, Reason
from tests.support.observations import seen
from tests.support.stores import fresh_database, put

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
BEGAN = NOW - timedelta(hours=6)
TARGET = '{targets: {chat: {model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}'
Run = Callable[..., CompletedProcess[str]]


def day() -> Iterator[Observation]:
    """A day at a probe a minute: acme fails for ten minutes, six hours ago; basalt every third time for two hours."""
    for minute in range(24 * 60):
        tick = NOW - timedelta(days=1) + timedelta(minutes=minute)
        since = (tick - BEGAN) / timedelta(minutes=1)
        for target, failed in (
            ("acme/east/chat", 0 <= since < 10),
            ("acme/west/chat", False),
            ("basalt/north/chat", 60 <= since < 180 and minute % 3 == 0),
        ):
            outcome, reason = (Outcome.FAILED, Reason.HTTP_5XX) if failed else (Outcome.OK, None)
            yield seen(target=target, tick=tick, outcome=outcome, reason=reason)


@pytest.fixture(scope="module")
def past(store_process: str) -> Iterator[Store]:
    """The day in a database of this file's own."""
    for store in fresh_database(Store(url=store_process, database="t_backtest")):
        put(store, list(day()))
        yield store


@pytest.fixture(scope="module")
def run(past: Store, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs `touchstone ARGUMENTS` over it; the settings have one objective."""
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "fleet.yaml").write_text(
        f"providers:\n  acme: {{clusters: {{east: {TARGET}, west: {TARGET}}}}}\n"
        f"  basalt: {{clusters: {{north: {TARGET}}}}}\n"
    )
    (folder / "touchstone.yaml").write_text(
        f'version: 1\nfleet: fleet.yaml\nstore: {{url: "{past.url}", database: {past.database}}}\n'
        "modules: {chat: {kind: chat_stream}}\nobjectives: [{name: up, objective: 99%}]\n"
    )

    def call(*arguments: str, columns: int = 80) -> CompletedProcess[str]:
        command = [sys.executable, "-m", "touchstone", "-c", str(folder / "touchstone.yaml"), *arguments]
        environ = {"PATH": "/usr/bin:/bin", "COLUMNS": str(columns), "LANG": "C.UTF-8"}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)

    return call


def pages(answer: CompletedProcess[str]) -> dict[tuple[str, str], Any]:
    """The pages of a JSON answer by signal and scope."""
    assert answer.returncode == 0, answer.stderr
    return {(page["signal"], page["scope"]): page for page in json.loads(answer.stdout)["pages"]}


def test_what_is_down_and_what_bleeds_would_have_paged(run: Run) -> None:
    """Once each, when and why; nobody was really paged."""
    answer = run("backtest", "--days", "1", "--json")
    whole, found = json.loads(answer.stdout), pages(answer)
    down, bleed = found["hard_down", "acme/east"], found["error_burn", "basalt"]  # its only target

    assert (down["severity"], down["at"][:16]) == ("P1", f"{BEGAN + timedelta(minutes=2):%Y-%m-%dT%H:%M}")
    assert bleed["severity"] in {"P1", "P3"} and bleed["reason"] == "http_5xx"
    assert [page["severity"] for page in whole["pages"] if page["signal"] == "error_burn"].count("P1") == 1
    assert whole["by_week"] == [whole["by_severity"]]
    assert whole["really_paged"] == {"by_severity": {}, "incidents": []}
    assert 3 * 1440 - 100 < whole["observations"] <= 3 * 1440  # the day goes on while it is judged
    assert 2 < whole["minutes_to_page_median"] < 30


def test_a_policy_of_a_file_is_tried(run: Run, tmp_path: Path) -> None:
    """Five failures before something is down; no objective. What it leaves out is as in the settings."""
    patient, careless = tmp_path / "patient.yaml", tmp_path / "careless.yaml"
    patient.write_text("paging: {hard_down: {failures: 5}}\nversion: 1\nmodules: {}\n")
    careless.write_text("objectives: []\n")
    later, fewer = (pages(run("backtest", "--days", "1", "--json", "--policy", str(f))) for f in (patient, careless))

    assert later["hard_down", "acme/east"]["at"][:16] == f"{BEGAN + timedelta(minutes=4):%Y-%m-%dT%H:%M}"
    assert ("error_burn", "basalt") in later
    assert set(fewer) == {("hard_down", "acme/east")}


def test_the_table_fits_sixty_columns(run: Run) -> None:
    """One entry for each page, then the weeks and the medians."""
    answer = run("backtest", "--days", "1", columns=60)

    assert answer.returncode == 0, answer.stderr
    assert max(len(line) for line in answer.stdout.splitlines()) <= 60
    for said in ("acme/east hard down opened", "basalt error burn", "Week from", "really", "hard down 2."):
        assert said in answer.stdout
    assert " observations, " in answer.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pagin: {}\n", "unknown key 'pagin'; did you mean 'paging'?"),
        ("objectives: [{name: up, objective: 99%, ttft: 2}]\n", "not a duration: 2; write a number with a unit"),
        ("- a\n", "policy.yaml"),
    ],
)
def test_a_policy_that_is_wrong_is_said_with_its_place(run: Run, tmp_path: Path, text: str, said: str) -> None:
    """Exit 2, file and line, before anything is read."""
    (tmp_path / "policy.yaml").write_text(text)
    answer = run("backtest", "--policy", str(tmp_path / "policy.yaml"))

    assert answer.returncode == 2
    assert said in answer.stderr and "policy.yaml:1" in answer.stderr


def test_rules_are_printed(run: Run, tmp_path: Path) -> None:
    """The same bytes each time."""
    first, second = run("rules"), run("rules", "--format", "prometheus")

    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert 'touchstone_objective="up"' in first.stdout


def test_the_past_is_read_in_order_of_arrival(past: Store) -> None:
    """Every row once, hour by hour."""
    found = list(hours(past, NOW - timedelta(days=1), NOW))
    ends = [one.finished_at for _, several in found for one in several]

    assert [until for until, _ in found] == [NOW - timedelta(hours=23 - n) for n in range(24)]
    assert {one.id for _, several in found for one in several} == {one.id for one in day()}
    assert ends == sorted(ends)
