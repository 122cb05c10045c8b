"""`touchstone up` as its user runs it: tiers equal the truth, each P0 is one page, nothing lost, all stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import orjson
import pytest
import yaml

from schemas.incident import Severity
from simulator.script import SCRIPT_ENDS_S
from simulator.world import World
from tests.support.processes import touchstone, wait_for
from touchstone import exit_codes
from touchstone.address import free_port

pytestmark = pytest.mark.slow

PATIENCE_S = 400.0


Up = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """`touchstone up` on the folder `up`; one that a failed test leaves behind is killed, its children with it."""
    running = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "touchstone", "up", "--folder", str(tmp_path / "up"), *arguments]
        errors = (tmp_path / "up.err").open("wb")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def pids(folder: Path) -> dict[str, int]:
    """The children by name."""
    file = folder / "processes.json"
    found: dict[str, int] = orjson.loads(file.read_bytes()) if file.exists() else {}
    return found


def alive(pid: int) -> bool:
    """Whether a process lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def living(children: dict[str, int]) -> list[str]:
    """Which of *children* live."""
    return [name for name, pid in children.items() if alive(pid)]


def listening(folder: Path) -> list[str]:
    """Which addresses of the configuration somebody listens on."""
    settings = config_of(folder)
    places = [
        settings["store"]["url"], settings["collector"]["listen"], settings["dashboard"]["listen"],
        *(destination["url"] for destination in settings["paging"]["destinations"].values()),
    ]  # fmt: skip
    found = []
    for place in places:
        host, _, port = place.split("//")[-1].split("/")[0].rpartition(":")
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                found.append(place)
    return found


def settled(folder: Path) -> None:
    """
    Wait until every tier is its truth, every scripted P0 was paged, and the script is long over.

    How long that takes depends on what else the machine does: measured alone, 60 s for the tiers, 97 s for the script.
    """
    began, config = time.monotonic(), ("-c", str(folder / "config" / "touchstone.yaml"))
    truth = {provider: tier.value for provider, tier in World.of().truth().items()}
    err = folder.parent / "up.err"
    scripted = sum(episode.severity is Severity.P0 for episode in World.of().script())
    wait_for("the store", lambda: tiers_of(config), timeout_s=PATIENCE_S)
    wait_for("the truth", lambda: tiers_of(config) == truth, timeout_s=PATIENCE_S)
    wait_for("the P0 pages", lambda: len(re.findall(r" P0 .* is down", err.read_text())) >= scripted, timeout_s=60)
    time.sleep(max(0.0, began + SCRIPT_ENDS_S + 15 - time.monotonic()))


def tiers_of(config: tuple[str, ...]) -> dict[str, str]:
    """The tiers by provider as the command says them; none while the store does not answer."""
    result = touchstone(*config, "tiers", "--json")
    answered = result.returncode in {exit_codes.FINE, exit_codes.FINDINGS}
    return {one["provider"]: one["tier"] for one in json.loads(result.stdout)["providers"]} if answered else {}


def ended(process: subprocess.Popen[str], folder: Path, *, timeout_s: float) -> dict[str, Any]:
    """The report, once it has stopped; its exit code must be 0."""
    output, _ = process.communicate(timeout=timeout_s)
    said = (folder.parent / "up.err").read_text()
    assert process.returncode == 0, said + output
    report: dict[str, Any] = json.loads(output)
    return report


def check_report(report: dict[str, Any]) -> None:
    """What every run of this length must come to."""
    wrong = {p["id"]: p for p in report["providers"] if p["tier"] != p["truth"]}
    two_faced = {p["id"] for p in report["providers"] if p["probes_treated_better"]}
    scripted = sorted(e.provider for e in World.of().script() if e.severity is Severity.P0)
    paged = sorted(page["provider"] for page in report["pages"] if page["severity"] == "P0")

    assert len(report["providers"]) == 18
    assert wrong == {}
    assert two_faced == World.of().two_faced()
    assert paged == scripted
    assert (report["lost"], report["double"]) == (0, 0)
    assert report["observations"] > 1000
    assert report["passive"] > 80  # measured alone: 159 in 110 s


def test_the_whole_house(tmp_path: Path, up: Up) -> None:
    """Watched from outside while it runs, and audited after Ctrl-C."""
    folder = tmp_path / "up"
    process = up("--json")
    err, began = tmp_path / "up.err", time.monotonic()
    wait_for("the dashboard's address", lambda: "dashboard: http://127.0.0.1:" in err.read_text())
    wait_for("the first P0 page", lambda: " P0 " in err.read_text(), timeout_s=60)
    first_page_s = time.monotonic() - began
    url = next(line for line in err.read_text().splitlines() if line.startswith("dashboard: ")).split()[1]
    page = wait_for("the dashboard", lambda: fetched(f"{url}/"))
    config = ("-c", str(folder / "config" / "touchstone.yaml"))
    assert "Streamlit" in page
    settled(folder)
    (two_faced,) = World.of().two_faced()
    explained = touchstone(*config, "explain", two_faced)
    assert "real traffic" in explained.stdout
    assert "fares worse than our probes" in explained.stdout
    children = pids(folder)
    assert len(listening(folder)) >= 4
    process.send_signal(signal.SIGINT)
    report = ended(process, folder, timeout_s=180)

    check_report(report)
    for page_ in report["pages"]:
        assert 0 < page_["after_s"] < 15, page_
    assert first_page_s < 60  # measured alone: 10 s
    assert {"store", "collect", "agent", "traffic", "dashboard", "clouds", "receiver"} <= set(children)
    assert (living(children), listening(folder)) == ([], [])
    check_judged_again(folder, config)


def fetched(url: str) -> str | None:
    """A page's text; None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return None


def check_judged_again(folder: Path, config: tuple[str, ...]) -> None:
    """`judge --at T`, twice, for the last and the first stored verdicts: the stored bytes."""
    settings, port = config_of(folder), free_port()  # the port of the run may be somebody else's by now
    settings["store"]["url"] = f"http://127.0.0.1:{port}"
    Path(config[1]).write_text(yaml.safe_dump(settings))
    store = subprocess.Popen(
        [sys.executable, "-m", "touchstone", *config, "store"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for("the store", lambda: fetched(f"http://127.0.0.1:{port}/ping"))
        client = clickhouse_connect.get_client(host="127.0.0.1", port=port, database="touchstone_simulated")
        ends = client.query("SELECT toUnixTimestamp64Milli(min(at)), toUnixTimestamp64Milli(max(at)) FROM verdicts")
        for at_ms in ends.result_rows[0]:
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            stored = client.query(
                "SELECT body FROM verdicts FINAL WHERE toUnixTimestamp64Milli(at) = {at:Int64} ORDER BY provider",
                parameters={"at": at_ms},
            ).result_rows
            assert len(stored) == 18
            once, twice = (touchstone(*config, "judge", "--at", at.isoformat(), "--json") for _ in range(2))
            assert once.returncode == 0, once.stderr
            assert once.stdout == twice.stdout
            assert once.stdout.strip() == "[" + ",\n".join(body for (body,) in stored) + "]"
        client.close()
    finally:
        store.send_signal(signal.SIGTERM)
        store.wait(timeout=30)


def config_of(folder: Path) -> dict[str, Any]:
    """The settings of a run."""
    found: dict[str, Any] = yaml.safe_load((folder / "config" / "touchstone.yaml").read_text())
    return found


def test_killing_any_process_in_the_middle_loses_and_doubles_nothing(tmp_path: Path, up: Up) -> None:
    """kill -9 of the collector, the store, the agent and the collector again; the supervisor starts them again."""
    folder = tmp_path / "up"
    process, began = up("--json"), time.monotonic()
    for after_s, name in ((22, "collect"), (34, "store"), (50, "agent"), (62, "collect")):
        time.sleep(max(0.0, began + after_s - time.monotonic()))
        pid = wait_for(f"a living {name}", lambda name=name: pids(folder).get(name), timeout_s=60)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"{name} again", lambda name=name, pid=pid: pids(folder).get(name) not in {None, pid}, timeout_s=60)
    settled(folder)
    process.send_signal(signal.SIGINT)
    report = ended(process, folder, timeout_s=180)

    check_report(report)


def test_ctrl_c_stops_everything_and_a_second_run_on_the_folder_is_refused(tmp_path: Path, up: Up) -> None:
    """SIGINT ends it in order; while it runs, nobody else gets its folder."""
    folder = tmp_path / "up"
    process = up("--days", "1")
    wait_for("the agent", lambda: "agent" in pids(folder))
    second = touchstone("up", "--folder", str(folder), "--for", "5s")
    time.sleep(6)
    children = pids(folder)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)

    assert second.returncode == 3
    assert "held by another" in second.stderr
    assert process.returncode == 0, (tmp_path / "up.err").read_text()
    assert "0 lost, 0 double" in output
    assert (living(children), listening(folder)) == ([], [])


def test_no_child_outlives_a_supervisor_that_was_killed(tmp_path: Path, up: Up) -> None:
    """kill -9 of `up` itself: all that it started ends, and the folder is free for the next run."""
    folder = tmp_path / "up"
    process = up("--days", "1")
    wait_for("the dashboard", lambda: {"agent", "dashboard"} <= set(pids(folder)))
    time.sleep(4)
    children = pids(folder)
    process.kill()
    process.wait()

    wait_for("the end of every child", lambda: not living(children), timeout_s=90)
    assert listening(folder) == []


def test_a_folder_that_up_did_not_make_is_left_alone(tmp_path: Path) -> None:
    """Somebody's files are not wiped."""
    (tmp_path / "precious.txt").write_text("keep me")
    result = touchstone("up", "--folder", str(tmp_path), "--for", "5s")

    assert result.returncode == 3
    assert "did not make" in result.stderr
    assert (tmp_path / "precious.txt").read_text() == "keep me"
