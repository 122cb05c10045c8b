"""Both sides of the page bench are set up as said, and what is started is stopped."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from bench.page import peer_side
from bench.page.cases import CASES, Blow
from bench.page.errors import BenchError
from bench.page.house import OURS, OURS_OF_THREE, THREE, House
from bench.page.own_side import SECRET, OwnStore, Wanted, fleet_of, settings_of
from bench.page.peer_side import BRISK, DEFAULT, TUNED, Watched, alertmanager_config, prometheus_config, rules
from bench.page.plan import FULL, MAIN
from bench.page.process import Process
from bench.page.receiver import Receiver
from schemas.config import Configuration
from schemas.paging import HardDownRule
from tests.support.compose import ROOT
from touchstone.address import free_port
from touchstone.config_file import load_configuration

LISTENER = """
import http.server, signal, sys
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler).serve_forever()
"""
BENCH = """
import sys, time
from pathlib import Path
from tests.bench.test_page_sides import program
program(Path(sys.argv[1]), sys.argv[2]).start()
time.sleep(60)
"""
ENDED_S = 10.0


def house(folder: Path) -> House:
    """A whole run's, of which nothing is started."""
    return House(FULL, folder, folder, print, Receiver(folder / "arrivals.jsonl"), OwnStore(folder, folder))


def configuration(wanted: Wanted, folder: Path, vantage: str = "bench") -> Configuration:
    """What Touchstone reads of a case's files at *vantage*."""
    settings = settings_of(wanted, vantage, folder=folder, store_url="http://127.0.0.1:8123", port=4318)
    (folder / "touchstone.yaml").write_text(yaml.safe_dump(settings))
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet_of(wanted)))
    return load_configuration(folder / "touchstone.yaml", {SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"})


def test_the_settings_of_every_case_are_right_and_judge_by_the_defaults(tmp_path: Path) -> None:
    """Probes every 5 s, two confirmations, and no rule of judgement bent for the bench."""
    built = house(tmp_path)
    for wanted in (built.wanted_main(OURS), *(built.wanted(case) for case in CASES)):
        read = configuration(wanted, tmp_path)
        settings = read.settings

        assert len(read.fleet.providers) == len(wanted.targets)
        assert (settings.modules["up"].interval, settings.agent.confirmations) == (5.0, 2)
        assert settings.paging.hard_down == HardDownRule()
        assert set(settings.paging.routes.values()) == {("receiver",)}


def test_a_backup_and_canaries_are_set_where_the_case_is_about_them(tmp_path: Path) -> None:
    """And nowhere else."""
    built = house(tmp_path)
    backed = [case.name for case in CASES if built.wanted(case).backup]
    watched = [case.name for case in CASES if built.wanted(case).canaries]
    paging = configuration(built.wanted(next(case for case in CASES if case.backup)), tmp_path).settings.paging

    assert (backed, watched) == (["503"], ["own-network"])
    assert paging.destinations["receiver"].backup == "second"


def test_each_case_has_subjects_receivers_and_a_database_of_its_own(tmp_path: Path) -> None:
    """So that cases that run at once do not disturb one another."""
    built = house(tmp_path)
    wanted = [*(built.wanted_main(side) for side in (OURS, OURS_OF_THREE)), *(built.wanted(case) for case in CASES)]
    subjects = [subject for one in wanted[1:] for subject in one.targets]
    databases = {
        settings_of(one, "bench", folder=tmp_path, store_url="http://h:1", port=1)["store"]["database"]
        for one in wanted
    }

    assert len(set(subjects)) == len(subjects)
    assert len({one.receiver for one in wanted}) == len(wanted) == len(databases)
    assert wanted[0].receiver == built.receiver.url(OURS, MAIN)


def test_three_vantages_watch_the_same_outages_with_a_spool_each(tmp_path: Path) -> None:
    """One collector, and three agents that are not told apart by anything else."""
    built = house(tmp_path)
    one, three = built.wanted_main(OURS), built.wanted_main(OURS_OF_THREE)
    read = [configuration(three, tmp_path, vantage).settings for vantage in three.vantages]

    assert one.targets == three.targets
    assert [settings.vantage.name for settings in read] == list(THREE)
    assert len({settings.agent.spool for settings in read}) == len({settings.vantage.name for settings in read}) == 3
    assert {settings.agent.collector_url for settings in read} == {read[0].agent.collector_url}


def test_the_peers_watch_the_same_urls(tmp_path: Path) -> None:
    """Of every subject; who is killed has a process of its own."""
    built = house(tmp_path)
    by_case = {one.case: one for one in built.watched()}

    assert set(by_case[MAIN].urls) == set(built.wanted_main(OURS).targets.values())
    for case in CASES:
        watched, ours = by_case[case.name], built.wanted(case).targets
        assert set(watched.urls) == {ours[subject] for subject in case.names()}
        assert (watched.own_pager, watched.own_prober) == (case.has(Blow.KILL_PAGER), case.has(Blow.KILL_PROBER))


def test_prometheus_is_configured_as_documented() -> None:
    """5 s scrapes and evaluations, every exporter with its targets, every Alertmanager told."""
    config = prometheus_config({"127.0.0.1:1": ["http://h/t/a-0"], "127.0.0.1:2": ["http://h/t/b-0"]}, ["127.0.0.1:3"])
    first, second = config["scrape_configs"]

    assert config["global"] == {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"}
    assert config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["127.0.0.1:3"]
    assert [one["static_configs"][0]["targets"] for one in (first, second)] == [["http://h/t/a-0"], ["http://h/t/b-0"]]
    assert [one["relabel_configs"][2]["replacement"] for one in (first, second)] == ["127.0.0.1:1", "127.0.0.1:2"]
    assert rules()["groups"][0]["rules"][0]["expr"] == "probe_success == 0"


@pytest.mark.parametrize(("side", "times"), [(DEFAULT, ("30s", "5m")), (TUNED, ("0s", "5m")), (BRISK, ("0s", "10s"))])
def test_alertmanagers_differ_in_their_times_alone(side: str, times: tuple[str, str]) -> None:
    """A route for each case by its targets, and nobody hears of the others."""
    watched = [Watched("429", ["http://h:1/t/429-0"], {side: "http://h:2/x"}), Watched("b", [], {side: "http://h:2/b"})]
    config = alertmanager_config(side, watched)
    route = config["route"]

    assert (route["group_wait"], route["group_interval"]) == times
    assert (route["receiver"], route["group_by"]) == ("nobody", ["alertname", "instance"])
    assert route["routes"][0] == {"receiver": "429", "matchers": ['instance=~".+/t/429-[0-9]+"']}
    assert config["receivers"][1]["webhook_configs"] == [{"url": "http://h:2/x", "send_resolved": True}]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (apt-get install prometheus)")
def test_promtool_takes_our_configuration(tmp_path: Path) -> None:
    """Rules included."""
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules()))
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(prometheus_config({"127.0.0.1:1": ["http://h/t/a-0"]}, [])))
    done = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_peers_that_are_not_there_are_absent_with_the_way_to_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never guessed."""
    monkeypatch.setenv("PATH", "/nowhere")

    assert peer_side.versions()["prometheus"].startswith("absent: not installed: apt-get install prometheus ")


def program(folder: Path, *words: str, code: str = LISTENER) -> Process:
    """A program of the bench; by itself it listens on the port that is its first word."""
    return Process([sys.executable, "-c", code, *words], log=folder / "log", folder=folder, environ={})


def listens(port: int) -> bool:
    """Whether a connection can be made."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def wait_until(port: int, *, listening: bool) -> None:
    """Wait until somebody listens there, or nobody."""
    give_up = time.monotonic() + ENDED_S
    while listens(port) is not listening:
        assert time.monotonic() < give_up
        time.sleep(0.01)


async def test_a_process_can_be_killed_started_again_and_stopped(tmp_path: Path) -> None:
    """Each start is told by its instant."""
    port = free_port()
    process = program(tmp_path, str(port))
    process.start()
    await process.listens(port, within_s=10)
    process.kill()
    assert not listens(port)
    before_s = time.monotonic()
    assert before_s <= process.start() <= time.monotonic()
    await process.listens(port, within_s=10)
    await process.stop()

    assert not listens(port)


async def test_a_process_that_does_not_hear_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while."""
    monkeypatch.setattr("bench.page.process.STOP_S", 0.2)
    port = free_port()
    process = program(tmp_path, str(port), "deaf")
    process.start()
    await process.listens(port, within_s=10)
    await process.stop()

    assert not listens(port)


async def test_a_process_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    """Not waited for."""
    process = program(tmp_path, code="raise SystemExit('no fleet')")
    process.start()
    with pytest.raises(BenchError, match="no fleet"):
        await process.listens(free_port(), within_s=10)
    await process.stop()


def test_no_process_outlives_the_bench(tmp_path: Path) -> None:
    """Not even when that is killed."""
    port = free_port()
    bench = subprocess.Popen(
        [sys.executable, "-c", BENCH, tmp_path, str(port)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        wait_until(port, listening=True)
    finally:
        bench.kill()
        bench.wait()
    wait_until(port, listening=False)
