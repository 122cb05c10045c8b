"""The page of capacity over a store: the fullest first, unknown in grey and in words, the numbers of the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from collector.judgement.wording import count
from dashboard.settings import PageSettings
from schemas.config import Store
from schemas.observation import Observation, Outcome
from tests.contract.test_claims_page import forget, html
from tests.support import chromium
from tests.support.chromium import READY_MS
from tests.support.engine_pages import look
from tests.support.processes import answer_of
from tests.support.stores import first_document, fresh_database, put
from touchstone.address import free_port
from touchstone.config_file import load_configuration
from touchstone.system_clock import SystemClock

WAIT_S = 60
EVERY = timedelta(minutes=10)
LEVELS = {"acme/east/chat": (0.5, 0.02), "acme/west/chat": (0.97, 0.0), "bolt/east/chat": (0.3, 0.0)}
NAME = "Acme <b>GPU</b>"


def capacity_page() -> None:
    """The page of capacity."""
    from tests.support.dashboard_page import shown

    shown("capacity")


def looks() -> list[Observation]:
    """Ten days up to now: acme's east grows, its west is full, bolt is roomy; calm's page cannot be read."""
    now = SystemClock().now().replace(microsecond=0)
    found = []
    for number in range(10 * 144):
        tick = now - EVERY * number - timedelta(seconds=9)
        found.append(look("calm/east/chat", tick, outcome=Outcome.FAILED))
        for target, (level, slope) in LEVELS.items():
            share = level + slope * (1440 - number) / 144
            figures = {
                "running": 200 * share,
                "waiting": 0.0,
                "kv_cache_share": share,
                "gpus": 8.0,
                "gpus_with_xid": 1.0,
            }
            found.append(look(target, tick, figures))
    return found


@pytest.fixture(scope="module")
def house(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of four clusters with pages and one without, over their store."""
    folder = tmp_path_factory.mktemp("capacity")
    target = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["engine"]}
    cluster = {"claims": {"count": 16}, "targets": {"chat": target}}
    dark = {"targets": {"chat": target | {"modules": ["chat"]}}}
    fleet = {
        "acme": {"name": NAME, "clusters": {"east": cluster, "west": cluster, "dark": dark}},
        "bolt": {"clusters": {"east": cluster}},
        "calm": {"clusters": {"east": cluster}},
    }
    for store in fresh_database(Store(url=store_process, database="t_capacity_page")):
        settings = {
            "version": 1, "fleet": "fleet.yaml",
            "modules": {"chat": {"kind": "chat_stream"}, "engine": {"kind": "engine_metrics"}},
            "store": {"url": store.url, "database": store.database},
            "dashboard": {"collector_url": "http://127.0.0.1:9"},
        }  # fmt: skip
        (folder / "touchstone.yaml").write_text(yaml.safe_dump(settings))
        (folder / "fleet.yaml").write_text(yaml.safe_dump({"providers": fleet}))
        put(store, looks())
        yield folder / "touchstone.yaml"


@pytest.fixture
def environment(house: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The environment of a dashboard over that store."""
    for name, value in PageSettings.of(load_configuration(house, {})).to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    yield house
    forget()


def test_the_page_shows_every_cluster_with_the_numbers_of_the_command(environment: Path) -> None:
    """The fullest first; what is unknown says so; every figure is one of the JSON's."""
    said = html(AppTest.from_function(capacity_page, default_timeout=WAIT_S).run())
    document = answer_of("-c", str(environment), "capacity", "--json")
    names = ("acme/west", "acme/east", "bolt/east", "acme/dark", "calm/east")

    assert sorted(names, key=lambda name: said.index(f"<b>{name}</b>")) == list(names)
    assert "▲ 97 to 97 %" in said and "full now" in said and "If cluster" in said
    assert "no page is looked at" in said and "no page was read" in said
    assert "not told: gpus_row_remap_failed, gpu_ecc_double_bit" in said
    for cluster in document["clusters"]:
        for engine in cluster["engines"]:
            assert f"of {count(engine['looks'])} looks unknown" in said
            assert f"n {count(engine['kv_cache_share']['n'])}" in said
    west = next(cluster for cluster in document["clusters"] if cluster["cluster"] == "acme/west")
    lost = west["failover"]
    assert f"{count(round(lost['placed']))} of {count(round(lost['load']))} requests" in said
    assert west["engines"][0]["saturation"]["course"] == "full"


def test_the_filter_stands_in_the_address(environment: Path) -> None:
    """A link to one provider, whose clusters then have rows of their own among the GPUs."""
    page = AppTest.from_function(capacity_page, default_timeout=WAIT_S)
    page.query_params["of"] = "bolt"
    said = html(page.run())

    assert "<b>bolt/east</b>" in said and "<td>bolt/east</td>" in said and "of 1 clusters or engines" not in said
    assert "<b>acme/east</b>" not in said and "acme/west" not in said.partition("<h2>GPUs")[2]


@pytest.mark.browser
@chromium.needed
def test_in_a_browser_a_narrow_screen_holds_it_and_status_leads_there(house: Path) -> None:
    """Nothing is wider than a telephone; a share is told without colour; the choice stands in the address."""
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "touchstone", "-c", str(house), "dashboard", "--listen", listen, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = str(first_document(process)["url"])
        with chromium.opened() as browser:
            page = browser.new_context(viewport={"width": 390, "height": 900}).new_page()
            page.goto(url)
            page.get_by_role("link", name="Capacity").click(timeout=READY_MS)
            page.wait_for_selector(".ts-gpus", timeout=READY_MS)
            bars = page.locator(".ts-fill").evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
            check(page, bars)
            page.goto(f"{url}/capacity?of=acme")
            page.wait_for_function("document.querySelectorAll('.ts-fill').length == 3", timeout=READY_MS)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def check(page: Any, bars: list[str]) -> None:
    """What the narrow page holds."""
    assert page.url.endswith("/capacity")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert bars[0] == "median and 95th percentile 97 to 97 %" and bars.count("unknown") == 2
    assert page.locator(".ts-capacity tbody tr").count() == 5
    assert json.dumps(page.locator("body").inner_text()).count("Nobody can say") == 0
