"""The commands that read: tiers, explain, incidents, scorecard, plan, doctor; over the small world in a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from collector.judgement.double_standard import FailureStratum
from collector.judgement.integrity import words
from collector.judgement.integrity.suspicion import suspicion
from collector.judgement.integrity.treatment import Groups, Strata, treatment
from schemas.config import Store
from tests.support import small_world
from tests.support.small_world import CLAY_UPPER
from tests.support.stores import fresh_database, on_store

AT = small_world.whole_minute(datetime.now(UTC))
TARGET = '{targets: {chat: {model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}'
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs `touchstone ARGUMENTS` over the small world."""
    folder = tmp_path_factory.mktemp("configuration")
    for store in fresh_database(Store(url=store_process, database="t_commands")):
        small_world.furnish_now(store, AT)
        providers = "".join(f"  {name}: {{clusters: {{us-east: {TARGET}}}}}\n" for name in small_world.PROVIDERS)
        (folder / "fleet.yaml").write_text(f"providers:\n{providers}")
        (folder / "touchstone.yaml").write_text(
            f'version: 1\nfleet: fleet.yaml\nstore: {{url: "{store.url}", database: {store.database}}}\n'
            "modules: {chat: {kind: chat_stream}}\n"
        )

        def call(*arguments: str, columns: int = 80) -> CompletedProcess[str]:
            command = [sys.executable, "-m", "touchstone", "-c", str(folder / "touchstone.yaml"), *arguments]
            environ = {"PATH": "/usr/bin:/bin", "COLUMNS": str(columns), "LANG": "C.UTF-8"}
            return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)

        yield call


def test_tiers_fit_sixty_columns_and_a_suspect_is_a_finding(run: Run) -> None:
    """Tier in sign and word, interval, n, since, reasons; exit 1."""
    answer = run("tiers", columns=60)

    assert answer.returncode == 1
    assert max(len(line) for line in answer.stdout.splitlines()) <= 60
    for said in ("◆ gold", "● reliable", "▲ suspect", "99.60 to 99.89 %", "availability"):
        assert said in answer.stdout


def test_tiers_in_json(run: Run) -> None:
    """Every provider with its interval, n and reasons."""
    providers = {one["provider"]: one for one in json.loads(run("tiers", "--json").stdout)["providers"]}

    assert {name: one["tier"] for name, one in providers.items()} == {
        "agate": "gold", "beryl": "reliable", "clay": "suspect",
    }  # fmt: skip
    assert providers["clay"]["n"] == 5760
    assert providers["clay"]["availability_high"] < 0.995


def test_explain_a_provider_prints_every_gate(run: Run) -> None:
    """Fifteen gates, each with value, threshold, n and result."""
    answer = run("explain", "clay", columns=200)

    assert answer.returncode == 0
    assert answer.stdout.count("(n ") == 13
    assert "no real traffic was seen" in answer.stdout
    assert "clay: our probes, warm: failed " in answer.stdout
    proven = "proven     availability_proven_low: {} % < 99.50 % (n 5760, effective"
    assert any(proven.format(upper) in answer.stdout for upper in CLAY_UPPER)
    assert len(json.loads(run("explain", "clay", "--json").stdout)["gates"]) == 13


def test_explain_shows_real_traffic_beside_our_probes(run: Run) -> None:
    """Both sides with n and bounds, and the double standard with its numbers."""
    answer = run("explain", "beryl", columns=200)
    beside = json.loads(run("explain", "beryl", "--json").stdout)["beside"]
    traffic = next(line for line in beside["lines"] if line["source"] == "passive" and line["name"] == "beryl")

    assert "beryl: real traffic, unknown: failed 6.25 % (5." in answer.stdout
    assert "probes_treated_better: real traffic fares worse than our probes" in answer.stdout
    assert beside["reasons"] == ["probes_treated_better"]
    assert (traffic["n"], traffic["n_failed"]) == (4 * 7 * 96, 4 * 7 * 6)
    assert beside["standard"]["first_token"]["effect"] == pytest.approx(1.6, abs=0.1)


def test_integrity_prints_what_is_noticed_with_claim_arithmetic_and_rows(run: Run) -> None:
    """On the terminal and in the document; the other providers have no traffic, and nobody is accused."""
    answer, document = (
        run("integrity", "beryl", "--now", columns=200),
        run("integrity", "beryl", "--now", "--letter", "-"),
    )
    others = run("integrity", "agate", "--now", columns=200)

    assert (answer.returncode, document.returncode) == (0, 0)
    assert "noticed: treatment_probes_and_traffic of beryl: real traffic fares worse than our probes" in answer.stdout
    for said in ("claim: every client is served alike", "first token: effect 1.", "WHERE provider = 'beryl'", "e = "):
        assert said in answer.stdout
    for said in ("- Claim: every client is served alike", "    first token: effect 1.", "WHERE provider = 'beryl'"):
        assert said in document.stdout
    assert "insufficient data: treatment_probes_and_traffic of agate" in others.stdout
    assert "the evidence does not reach the line" in answer.stdout


def test_explain_prints_what_the_last_examination_noticed(run: Run, store_process: str) -> None:
    """Behind the tier: claim, measurement, arithmetic and rows."""
    seen = Strata(failures=(FailureStratum(40, 0, 40, 20),) * 12)
    noticed = treatment("beryl", Groups.PROBES_AND_TRAFFIC, seen, confidence=0.95)
    found = suspicion("beryl", (noticed,), AT, discovered=False)
    store = Store(url=store_process, database="t_commands")
    on_store(store, lambda house: house.insert_suspicions((found,), AT, AT))
    answer = run("explain", "beryl", columns=200)

    for said in (
        "noticed: treatment_probes_and_traffic of beryl", "claim: every client is served alike",
        words.measurement(noticed), "failures: effect 0.5", "WHERE provider = 'beryl'",
    ):  # fmt: skip
        assert said in answer.stdout


def test_explain_an_incident_prints_transitions_and_pages(run: Run) -> None:
    """Every step with its cause, every try with its answer."""
    answer = run("explain", "inc-c1a4c1a4c1a4", columns=120)

    assert "2 +5 s: promoted, open P0 clay" in answer.stdout
    assert "2 +6 s: on-call try 1, failed, HTTP 503: HTTP 503" in answer.stdout
    assert "2 +8.5 s: on-call try 2, delivered, HTTP 202" in answer.stdout


def test_explain_a_name_that_is_nearly_right(run: Run) -> None:
    """Usage, exit 2, and the nearest name."""
    answer = run("explain", "agat")

    assert answer.returncode == 2
    assert "did you mean 'agate'?" in answer.stderr


def test_incidents_lists_the_open_ones_and_all(run: Run) -> None:
    """An open incident is a finding."""
    now, every = run("incidents"), run("incidents", "--all", "--json")

    assert now.returncode == 1
    assert "inc-c1a4c1a4c1a4" in now.stdout and "inc-be41be41be41" not in now.stdout
    assert len(json.loads(every.stdout)["incidents"]) == 2


@pytest.mark.parametrize("form", ["json", "csv", "md", "html"])
def test_a_scorecard_is_the_same_twice(run: Run, form: str, tmp_path: Path) -> None:
    """Byte for byte, on standard output and in a file."""
    out = tmp_path / "card"

    first, second = run("scorecard", "beryl", "--format", form), run("scorecard", "beryl", "--format", form)
    filed = run("scorecard", "beryl", "--format", form, "-o", str(out))

    assert first.returncode == filed.returncode == 0
    assert first.stdout == second.stdout
    assert out.read_text() == first.stdout.replace("\r\n", "\n") or out.read_bytes().decode() == first.stdout


def test_a_scorecard_needs_a_verdict(run: Run) -> None:
    """Usage, exit 2."""
    assert run("scorecard", "nobody").returncode == 2


def test_plan_prints_cost_notice_and_claims(run: Run) -> None:
    """For every provider; a price makes a cost."""
    plans = json.loads(run("plan", "--price-per-million-tokens", "2", "--json").stdout)

    assert [one["provider"] for one in plans["providers"]] == list(small_world.PROVIDERS)
    assert plans["providers"][0]["probes"] == 1440
    assert set(plans["providers"][0]["claimable"]) == {"1d", "7d", "28d"}
    assert plans["cost"] == pytest.approx(3 * 1440 * (60 + 64) * 2e-6)
    assert run("plan").returncode == 0


def test_doctor_looks_at_everything(run: Run) -> None:
    """Store, tables and clock are fine; nothing fails."""
    checks = {check["name"]: check for check in json.loads(run("doctor", "--json").stdout)["checks"]}

    assert checks["store"]["result"] == checks["migrations"]["result"] == checks["clock"]["result"] == "ok"
    assert {"python", "configuration", "disk store", "port dashboard"} <= set(checks)
    assert run("doctor").returncode == 0


def test_doctor_fails_without_a_store(tmp_path: Path) -> None:
    """Exit 1, and the line says which."""
    (tmp_path / "fleet.yaml").write_text(f"providers: {{acme: {{clusters: {{us-east: {TARGET}}}}}}}\n")
    (tmp_path / "touchstone.yaml").write_text(
        'version: 1\nfleet: fleet.yaml\nstore: {url: "http://127.0.0.1:9"}\nmodules: {chat: {kind: chat_stream}}\n'
    )
    command = [sys.executable, "-m", "touchstone", "-c", str(tmp_path / "touchstone.yaml"), "doctor"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert answer.returncode == 1
    assert "fail store: http://127.0.0.1:9" in answer.stdout
