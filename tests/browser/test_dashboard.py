"""The dashboard as a person sees it: a real store, the real server, Debian's Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.config import Store
from tests.support import chromium, claims, small_world
from tests.support.chromium import READY_MS, show
from tests.support.dashboard_server import served
from tests.support.small_world import CLAY_LOWER, CLAY_UPPER
from tests.support.stores import fresh_database

INCIDENT = "/incident?id=inc-c1a4c1a4c1a4"
HOSTILE = "Clay ![x](http://evil.example/x.png) <img src=x onerror=alert(1)> :material/home: $x$"

FLEET = f"""
providers:
  agate: {{name: Agate Compute, price: &p {{tokens_in: 0.2, tokens_out: 0.6}}, clusters: {{us-east: &c {{
    region: us-east, claims: {{gpu: H100, count: 64}},
    targets: {{chat: {{model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}}}}, eu-west: *c}}}}
  beryl: {{name: Beryl Cloud, price: *p, clusters: {{us-east: *c, eu-west: *c}}}}
  clay: {{name: {json.dumps(HOSTILE)}, clusters: {{us-east: *c, eu-west: *c}}}}
"""
SETTINGS = """
version: 1
simulated: true
fleet: fleet.yaml
store: {{url: "{url}", database: {database}}}
dashboard: {{collector_url: "http://127.0.0.1:9"}}
modules: {{chat: {{kind: chat_stream}}}}
"""

pytestmark = [pytest.mark.browser, chromium.needed]


@pytest.fixture(scope="module")
def configuration(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings over a store that holds the small world, with claims of clay that are contradicted."""
    for store in fresh_database(Store(url=store_process, database="t_dashboard")):
        at = small_world.whole_minute(datetime.now(UTC))
        small_world.furnish_now(store, at)
        claims.examine(store, "clay", at)
        folder = tmp_path_factory.mktemp("configuration")
        (folder / "fleet.yaml").write_text(FLEET)
        (folder / "touchstone.yaml").write_text(SETTINGS.format(url=store.url, database=store.database))
        yield folder / "touchstone.yaml"


@pytest.fixture(scope="module")
def address(configuration: Path) -> Iterator[str]:
    """The URL of a dashboard over the small world."""
    with served(configuration) as url:
        yield url


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Any]:
    """Chromium without a window; begun after everything that needs an event loop of its own."""
    with chromium.opened() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh tab of a desktop screen; every address that it asks for stands in `page.asked`."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    tab.asked = []
    tab.dialogs = []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("dialog", lambda dialog: (tab.dialogs.append(dialog.message), dialog.dismiss()))
    yield tab
    context.close()


def test_the_status_page_shows_every_provider_under_its_tier(page: Any, address: str) -> None:
    """Three providers, three tiers, each in words; n beside each interval; the open P0 above all."""
    show(page, address, ".ts-foot")

    assert page.locator(".ts-tile").all_inner_texts() == [
        "1\n◆ Gold", "1\n● Reliable", "1\n▲ Suspect", "0\n○ Unrated",
    ]  # fmt: skip
    *figures, clay = [row.replace("\n", " ") for row in page.locator(".ts-figure").all_inner_texts()]
    assert figures == ["99.95 to 100.00 % n 5\u202f760", "99.60 to 99.89 % n 5\u202f760"]
    assert clay in {f"{low} to {high} % n 5\u202f760" for low in CLAY_LOWER for high in CLAY_UPPER}
    assert "provider clay is down" in page.locator(".ts-p0").inner_text()
    assert "first page after 8.5 s" in page.locator(".ts-p0").inner_text()
    assert page.locator(".st-key-row-clay .ts-bars i").count() >= 30


def test_a_filter_stands_in_the_address(page: Any, address: str) -> None:
    """A pill narrows the list; the address that it leaves shows the same again."""
    show(page, address, ".ts-foot")
    page.get_by_role("button", name="suspect").click()
    page.wait_for_function("document.querySelectorAll('[class*=st-key-row-]').length == 1")

    assert "tier=suspect" in page.url
    show(page, page.url, ".ts-foot")
    assert page.locator("[class*=st-key-row-]").count() == 1


def test_a_click_on_a_provider_leads_to_every_gate_of_its_tier(page: Any, address: str) -> None:
    """In the same tab, with the value, threshold, sample size and result of all thirteen gates."""
    show(page, address, ".ts-foot")
    page.locator(".st-key-row-beryl a").click()
    page.wait_for_selector(".ts-gates", timeout=READY_MS)
    page.wait_for_selector(".ts-long", timeout=READY_MS)

    gates = page.locator("tr[data-gate]").evaluate_all("rows => rows.map(row => row.dataset.gate)")
    lower = page.locator("tr[data-gate=gold-availability_lower]").inner_text()

    assert "/provider?provider=beryl" in page.url
    assert len(page.context.pages) == 1
    assert gates[:4] == ["gold-availability_lower", "gold-evidence", "gold-ttft_p95", "gold-degraded"]
    assert len(gates) == 13
    assert "fail" in lower and "99.60 %" in lower and ">= 99.90 %" in lower and "5\u202f760" in lower
    assert "unknown" in page.locator("tr[data-gate=suspect-misrepresented]").inner_text()


def test_the_provider_page_shows_its_parts_what_would_move_it_up_and_how_it_came_about(page: Any, address: str) -> None:
    """Two clusters and a model; beryl is short of gold, and was not judged before."""
    show(page, f"{address}/provider?provider=beryl", ".ts-changes")

    assert [row.split()[0] for row in page.locator(".ts-parts tbody tr").all_inner_texts()] == [
        "beryl/eu-west", "beryl/us-east", "ours-70b",
    ]  # fmt: skip
    assert "if nothing fails until then" in page.inner_text("body")
    assert "the line is 99.90 %; met" in page.inner_text("body")
    assert "not judged" in page.locator(".ts-changes tbody tr").first.inner_text()


def test_the_provider_page_shows_latency_errors_incidents_and_observations(page: Any, address: str) -> None:
    """Two charts are drawn, the resolved incident is listed, and fifty observations."""
    show(page, f"{address}/provider?provider=beryl", ".ts-long")
    page.wait_for_selector('[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg')

    assert "inc-be41be41be41" in page.locator(".ts-list").first.inner_text()
    assert page.locator(".ts-long tbody tr").count() == 50


def test_real_traffic_stands_beside_our_probes_with_every_n(page: Any, address: str) -> None:
    """Cold, warm and real traffic in rows of their own; a double standard is a note that leaves the tier as it is."""
    show(page, f"{address}/provider?provider=beryl", ".ts-long")
    rows = [row.replace("\t", " | ") for row in page.locator(".ts-beside tbody tr").all_inner_texts()]
    note = page.locator(".ts-note-box").inner_text()

    assert [row.split(" | ")[:3] for row in rows[:3]] == [
        ["beryl", "our probes", "cold"], ["beryl", "our probes", "warm"], ["beryl", "real traffic", "unknown"],
    ]  # fmt: skip
    assert "6.25 % (5." in rows[2] and "2\u202f68" in rows[2]
    assert len(rows) == 9
    assert "probes_treated_better" in note and "would have shown" in note
    assert page.locator(".ts-badge").first.inner_text() == "● Reliable"
    show(page, f"{address}/provider?provider=agate", ".ts-long")
    assert page.locator(".ts-note-box").count() == 0
    assert "No real traffic was seen." in page.locator("ul.ts-note").first.inner_text()


def test_a_suspected_provider_has_a_mark_that_leads_to_what_contradicts_it(page: Any, address: str) -> None:
    """Worst first, what has no data folded, nothing of it an element; of another provider it says when it will be."""
    show(page, address, ".ts-foot")
    assert page.locator(".ts-mark").count() == 1
    page.locator(".st-key-row-clay .ts-mark").click()
    page.wait_for_selector(".ts-long", timeout=READY_MS)
    page.wait_for_function("document.getElementById('claims').getBoundingClientRect().top < 600", timeout=READY_MS)

    checks = page.locator(".ts-check").evaluate_all("lines => lines.map(line => line.dataset.check)")
    assert checks == ["token_arithmetic_completion", "change", "identity"]
    assert "the provider may still reply: E = 31.85" in page.locator(".ts-state").inner_text()
    bills = page.locator(".ts-check").first.inner_text()
    assert "✗ contradicted" in bills and "1 of 2 targets so; 1 not rejected" in bills and claims.HOSTILE[:28] in bills
    assert page.get_by_text("it stands in us-east").is_hidden()
    page.get_by_text("Insufficient data: 1 check").click()
    assert page.get_by_text("it stands in us-east").is_visible()
    show(page, f"{address}/provider?provider=agate", ".ts-long")
    assert "Nothing was examined yet" in page.locator(".ts-calm").all_inner_texts()[-1]


def test_compare_draws_price_against_latency_and_says_it_in_words(page: Any, address: str) -> None:
    """Reached from the status page; on a telephone, too; what is chosen stands in the address."""
    show(page, address, ".ts-foot")
    page.get_by_role("link", name="Compare").click()
    page.wait_for_selector(".ts-value", timeout=READY_MS)
    page.wait_for_selector('[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg')
    rows = [row.replace("\n", " ") for row in page.locator(".ts-value tbody tr").all_inner_texts()]

    assert "/compare" in page.url
    assert "Nobody beats: agate." in page.get_by_test_id("stVegaLiteChart").get_attribute("aria-label")
    assert ["on the front" in rows[0], "beaten by agate" in rows[1], "a figure is unknown" in rows[2]] == [True] * 3
    assert rows[0].count("99.95 to ") == 1 and "0.20 in, 0.60 out" in rows[1]
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, f"{address}/compare?providers=beryl&days=90d", ".ts-value")
    assert page.locator(".ts-value tbody tr").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.dialogs == []


def test_no_request_leaves_the_machine(page: Any, address: str) -> None:
    """Fonts, icons, scripts: everything is our own, on both pages."""
    show(page, address, ".ts-foot")
    show(page, f"{address}/provider?provider=clay", ".ts-long")
    page.wait_for_timeout(1500)

    own = (address, address.replace("http:", "ws:"), "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(own)] == []


def test_hostile_names_and_errors_are_shown_as_text(page: Any, address: str) -> None:
    """A provider's name and a server's error are data: no element, no script, no image comes of them."""
    show(page, address, ".ts-foot")
    assert page.locator(".st-key-row-clay a").first.inner_text().replace("\u2060", "") == HOSTILE
    show(page, f"{address}/provider?provider=clay", ".ts-long")
    page.wait_for_timeout(500)

    assert HOSTILE in page.locator(".ts-title").inner_text()
    assert "3 failures in a row on clay <b>&</b>" in page.locator(".ts-incident").inner_text()
    show(page, f"{address}{INCIDENT}", ".ts-tries")
    assert "3 failures in a row on clay <b>&</b>" in page.locator(".ts-steps").inner_text()
    show(page, f"{address}/incident?id=%3Cimg%20src=x%20onerror=alert(1)%3E", ".ts-title")
    assert "<img src=x" in page.locator(".ts-title").inner_text()
    assert page.locator("img[src='x'], img[src*='evil']").count() == 0
    assert page.dialogs == []


def test_the_incidents_page_filters_in_the_address(page: Any, address: str) -> None:
    """What is open stands above what is over; a provider in the address leaves only its own."""
    show(page, f"{address}/incidents", ".ts-list")
    assert "provider clay is down" in page.locator(".ts-incident").inner_text()
    assert "inc-be41be41be41" in page.locator(".ts-list").inner_text()

    show(page, f"{address}/incidents?of=beryl&severity=P1", ".ts-list")
    assert page.locator(".ts-incident").count() == 0
    assert page.locator(".ts-list tbody tr").count() == 1
    page.locator(".ts-list a").click()
    page.wait_for_selector(".ts-whole", timeout=READY_MS)
    assert "is up again" in page.locator(".ts-whole").inner_text()
    assert "/incident?id=inc-be41be41be41" in page.url


def test_an_unknown_provider_is_said_to_be_unknown(page: Any, address: str) -> None:
    """Whatever the address says is shown as text."""
    show(page, f"{address}/provider?provider=%3Cb%3Enobody", ".ts-title")

    assert "<b>nobody" in page.locator(".ts-title").inner_text()


def test_old_facts_are_called_stale(page: Any, address: str) -> None:
    """The newest observation is a quarter of an hour old, the probes are a minute apart."""
    show(page, address, ".ts-fresh")

    assert "stale" in page.locator(".ts-fresh").inner_text()


@pytest.mark.parametrize("path", ["/", "/provider?provider=clay", "/provider?provider=beryl", INCIDENT, "/incidents"])
def test_a_telephone_need_not_scroll_sideways(page: Any, address: str, path: str) -> None:
    """At 390 pixels nothing is wider than the screen; wide tables scroll within themselves."""
    page.set_viewport_size({"width": 390, "height": 844})
    show(page, f"{address}{path}", ".ts-foot, .ts-long, .ts-tries, .ts-list")

    main = "document.querySelector('[data-testid=stMain]')"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(f"{main}.scrollWidth - {main}.clientWidth") == 0
    beyond = page.evaluate(
        "[...document.querySelectorAll('.ts-head, .ts-incident, .ts-facts, .ts-bars, .ts-tiles, .ts-provider, "
        ".ts-cluster, .ts-note-box, .ts-steps, .ts-held, .ts-state, .ts-check')]"
        ".filter(e => e.getBoundingClientRect().right > 391).map(e => e.className)"
    )
    assert beyond == []
