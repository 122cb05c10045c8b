"""The configuration that measures the simulated fleet: valid, without a secret in it, and as it is checked in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from probes.kinds.chat_stream import ChatStreamModule
from schemas.config import Configuration
from schemas.verdict import Tier
from simulator.configuration import write_configuration
from simulator.world import World
from tests.support.pages import SECRET
from touchstone.config_file import load_configuration

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "simulated"
WORLD = World.of()


def written(folder: Path, **changes: object) -> Path:
    """A configuration with ports of no consequence."""
    options: dict[str, object] = {
        "cloud_port": 18100, "store_url": "http://127.0.0.1:8123", "store_path": "store",
        "collector_listen": "127.0.0.1:4318", "dashboard_listen": "127.0.0.1:8501",
        "receiver_url": "http://127.0.0.1:18099", "spool": "spool.db", "state": "state.db",
    }  # fmt: skip
    write: Callable[..., Path] = write_configuration
    return write(WORLD, folder, **options | changes)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """The written configuration, as every process reads it."""
    return load_configuration(written(tmp_path), {})


def test_it_is_valid_and_names_every_cluster_on_a_port_of_its_own(configuration: Configuration) -> None:
    """Without a finding, in the order of the world."""
    places = {place.cluster: place for place in configuration.fleet.places()}
    expected = [f"{cloud.id}/{name}" for cloud in WORLD.clouds for name in cloud.clusters]

    assert sorted(places) == sorted(expected)
    assert [places[cluster].target.url for cluster in expected] == [
        f"http://127.0.0.1:{18100 + index}/v1" for index in range(90)
    ]
    assert {place.id for place in places.values()} == {f"{cluster}/chat" for cluster in expected}


def test_it_says_that_all_is_simulated_and_pages_both_destinations(configuration: Configuration) -> None:
    """Nobody can mistake it for the real thing."""
    settings = configuration.settings
    module = settings.modules["chat-short"]

    assert settings.simulated
    assert settings.store.database == "touchstone_simulated"
    assert settings.collector.judge_every == 5.0
    assert settings.paging.routes == {"P0": ("webhook", "pagerduty"), "P1": ("webhook", "pagerduty")}
    assert isinstance(module, ChatStreamModule)
    assert (module.interval, module.timeout, module.ttft_timeout, module.max_tokens) == (3.0, 5.0, 2.0, 24)
    assert module.expect.echo_nonce
    assert (settings.modules["engine"].kind, settings.modules["engine"].interval) == ("engine_metrics", 10.0)
    assert {place.target.modules for place in configuration.fleet.places()} == {("chat-short", "engine")}
    assert {place.target.count_by for place in configuration.fleet.places()} == {"words"}


def test_every_cloud_has_a_price_and_a_contract_and_the_best_are_the_dearest(configuration: Configuration) -> None:
    """Each way of counting uptime occurs. Nothing is ever due to be claimed: only the script pages."""
    prices, contracts = configuration.fleet.prices(), configuration.contracts
    held = {name: contract.versions[0] for name, contract in contracts.items()}
    hours = {name: terms.commit.gpu_hour for name, terms in held.items() if terms.commit is not None}
    truth = WORLD.truth()

    def dearest(tier: Tier) -> list[tuple[Decimal, Decimal]]:
        return sorted((hours[name], prices[name].tokens_out) for name in hours if truth[name] is tier)

    assert set(prices) == set(hours) == set(truth)
    assert dearest(Tier.SUSPECT)[-1] < dearest(Tier.RELIABLE)[0] < dearest(Tier.RELIABLE)[-1] < dearest(Tier.GOLD)[0]
    assert {terms.commitments[0].formula.kind for terms in held.values()} == {
        "mean_of_intervals", "downtime_minutes", "request_ratio", "latency_attainment",
    }  # fmt: skip
    assert [name for name, terms in held.items() if terms.claim is not None] == []
    assert all(terms.commit is not None and 0 < terms.commit.upfront < 1 for terms in held.values())


def test_its_secrets_stand_in_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    """And in none of the files that one might show around."""
    written(tmp_path)
    secrets = {file.name: file.read_text().strip() for file in (tmp_path / "secrets").iterdir()}
    shown = "".join(file.read_text() for file in tmp_path.rglob("*.yaml"))

    assert secrets["cloud-key"] == WORLD.key
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "secrets").iterdir()} == {0o600}
    assert [name for name, secret in secrets.items() if secret in shown] == []


def test_with_a_folder_for_the_authority_one_cluster_is_asked_over_tls(tmp_path: Path) -> None:
    """The one that the clouds serve so."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl program on this machine")
    loaded = load_configuration(written(tmp_path, ca_dir=tmp_path / "tls"), {})
    secure = [place for place in loaded.fleet.places() if place.target.url.startswith("https")]

    assert [place.target.tls.ca_file for place in secure] == [str(tmp_path / "tls" / "ca.pem")]


def test_the_checked_in_copy_is_what_the_command_writes_now(tmp_path: Path) -> None:
    """`touchstone simulate config --dir examples/simulated` renews it."""
    command = [sys.executable, "-m", "touchstone", "simulate", "config", "--dir", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=os.environ)

    assert contents(tmp_path) == contents(EXAMPLE)


def test_the_checked_in_copy_is_valid_when_the_environment_holds_its_secrets() -> None:
    """It names four variables, and no value."""
    names = (
        "SIMULATED_CLOUD_KEY", "SIMULATED_WEBHOOK_SECRET", "SIMULATED_ROUTING_KEY", "SIMULATED_INGEST_TOKEN",
    )  # fmt: skip

    values = dict.fromkeys(names, "a-secret-of-sixteen") | {"SIMULATED_WEBHOOK_SECRET": SECRET}
    loaded = load_configuration(EXAMPLE / "touchstone.yaml", values)

    assert len(loaded.fleet.providers) == 18


def contents(folder: Path) -> dict[str, str]:
    """Every file under *folder*."""
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
