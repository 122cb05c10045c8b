"""
Every page of the catalogue, walked in Chromium over one store: no error, no request outside, readable by everybody.

A page is opened once: first on a desk in the light, then on a telephone, then in the dark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.exports.catalog import FORMATS
from dashboard.pages import CATALOGUE
from schemas.config import Store
from tests.browser.test_dashboard import FLEET, SETTINGS
from tests.support import chromium, full_store, page_checks, small_world
from tests.support.chromium import READY_MS, show
from tests.support.dashboard_server import served
from tests.support.stores import fresh_database
from touchstone.cli import application
from touchstone.config_file import load_configuration

WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}
# Addresses that people have kept, of pages that are of one thing; and a word of their heading.
OF = {
    "provider": ("?provider=clay", "Clay"),
    "cluster": ("?cluster=agate/us-east", "us-east"),
    "incident": ("?id=inc-c1a4c1a4c1a4", "provider clay is down"),
    "incidents": ("?of=beryl&severity=P1", "Incidents"),
    "sla": ("?of=agate", "SLA and credits"),
}
FAULTY = """
<html lang="en"><body style="background: #fff; color: #111"><main data-testid="stMain"><h1>One</h1><h1>Two</h1>
<p style="color: #999">faint</p> <p style="opacity: 0.4">see-through</p> <p style="color: #666">readable</p>
<p aria-hidden="true" style="color: #eee">nobody reads this</p>
<button></button> <button aria-label="Close"></button> <label>Name <input></label> <input placeholder="nothing else">
<img src="data:,"> <img src="data:," alt=""> <i role="img"></i> <i role="img" aria-label="30 days"></i>
<div data-testid="stVegaLiteChart"><canvas></canvas></div>
<div style="width: 900px">wide</div> <div style="overflow-x: auto"><div style="width: 900px">scrolls</div></div>
<div data-testid="stAlertContentError">It broke</div></main></body></html>"""
LOOKS_MAX, LOOK_MS = 25, 200  # charts are drawn, and follow the width of the screen, a little later
DARK = "rgb(16, 18, 21)"  # backgroundColor of theme.dark
# Two that Streamlit asks for beside every page but the first, and does without.
ABSENT = re.compile(r"/_stcore/(health|host-config)$")

pytestmark = [pytest.mark.browser, chromium.needed]


@pytest.fixture(scope="module")
def configuration(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings over a store in which every page has something to show."""
    folder = tmp_path_factory.mktemp("every_page")
    for store in fresh_database(Store(url=store_process, database="t_every_page")):
        (folder / "fleet.yaml").write_text(FLEET)
        (folder / "touchstone.yaml").write_text(SETTINGS.format(url=store.url, database=store.database))
        loaded = load_configuration(folder / "touchstone.yaml", {})
        full_store.furnish(store, loaded, small_world.whole_minute(datetime.now(UTC)))
        yield folder / "touchstone.yaml"


@pytest.fixture(scope="module")
def address(configuration: Path) -> Iterator[str]:
    """The URL of a dashboard over it."""
    with served(configuration) as url:
        yield url


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    """One tab for all pages; `asked` has every address that it asked for, `said` what its console called an error."""
    with chromium.opened() as browser:
        tab = browser.new_page(viewport=WIDE, color_scheme="light")
        tab.asked, tab.said = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("console", lambda line: tab.said.append(f"{line.text} {line.location['url']}") if _bad(line) else None)
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        yield tab


def _bad(line: Any) -> bool:
    return line.type == "error" and not ABSENT.search(line.location["url"])


def in_the_end(page: Any, check: Callable[[Any], list[str]]) -> list[str]:
    """What *check* finds once it finds nothing, or does not get better any more."""
    for _ in range(LOOKS_MAX):
        if not check(page):
            return []
        page.wait_for_timeout(LOOK_MS)
    return check(page)


@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE])
def test_a_page_is_for_everybody(page: Any, address: str, name: str) -> None:
    """It loads, asks nobody outside, and is readable, named and as wide as the screen."""
    page.asked.clear()
    page.said.clear()
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    query, words = OF.get(name, ("", ""))
    show(page, f"{address}/{name}{query}", "h1")
    own = (address, address.replace("http:", "ws:"), "data:", "blob:")

    assert words in page.locator("h1").inner_text()
    wrong = {
        "broken": page_checks.broken(page),
        "headings": page_checks.headless(page),
        "controls": page_checks.nameless(page),
        "pictures": in_the_end(page, page_checks.wordless),
        "light": page_checks.too_faint(page),
    }
    page.set_viewport_size(NARROW)
    wrong["telephone"] = in_the_end(page, page_checks.sideways)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"getComputedStyle(document.querySelector('.stApp')).backgroundColor == '{DARK}'")
    wrong["dark"] = page_checks.too_faint(page)
    wrong["asked"] = [url for url in page.asked if not url.startswith(own)]
    wrong["said"] = page.said

    assert {what: found for what, found in wrong.items() if found} == {}


def test_the_navigation_leads_everywhere_by_the_keyboard(page: Any, address: str) -> None:
    """Every page that is listed, in the order of the catalogue, without a reload; in the light on a telephone."""
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="light")
    show(page, address, ".ts-foot")
    links = page.locator(".st-key-nav a")
    listed = [entry.title for entry in CATALOGUE if entry.listed]
    assert links.all_inner_texts() == listed
    assert all(link.bounding_box()["x"] + link.bounding_box()["width"] <= 390 for link in links.all())

    links.first.focus()
    for _ in listed[1:]:
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == listed[-1]
    page.evaluate("window.stillHere = true")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{[entry.name for entry in CATALOGUE if entry.listed][-1]}", timeout=READY_MS)
    assert page.evaluate("window.stillHere") is True


def test_a_provider_that_was_chosen_elsewhere_does_no_harm(page: Any, address: str) -> None:
    """Pages that filter by the same parameter offer different choices; what one does not have, it leaves out."""
    page.set_viewport_size(WIDE)
    show(page, f"{address}/incidents?of=beryl", ".ts-list")
    page.locator(".st-key-nav a", has_text="Reports").click()
    page.get_by_role("button", name="Download JSON").wait_for(timeout=READY_MS)

    assert page_checks.broken(page) == []


def test_a_scorecard_is_downloaded_with_the_bytes_of_the_command(page: Any, address: str, configuration: Path) -> None:
    """In every format, of the provider and the period in the address; the name of the file says of which."""
    show(page, f"{address}/reports?of=beryl&period=7d", ".ts-card")
    for form in FORMATS:
        with page.expect_download() as given:
            page.get_by_role("button", name=f"Download {form.upper()}").click()
        command = ["-c", str(configuration), "scorecard", "beryl", "--days", "7", "--format", form]
        printed = CliRunner().invoke(application, command)

        assert re.fullmatch(rf"beryl-\d{{4}}-.*\.{form}", given.value.suggested_filename)
        assert printed.exit_code == 0 and Path(given.value.path()).read_bytes() == printed.stdout_bytes


def test_every_check_of_a_page_can_fail(page: Any) -> None:
    """A page with one of each fault, and what is beside it that is none."""
    page.set_viewport_size(NARROW)
    page.set_content(FAULTY)

    assert page_checks.too_faint(page) == ['2.85: faint <p class="">', '2.62: see-through <p class="">']
    assert len(page_checks.nameless(page)) == 2 and "<button" in page_checks.nameless(page)[0]
    assert len(page_checks.wordless(page)) == 3
    assert any("wide" in one for one in page_checks.sideways(page))
    assert page_checks.headless(page) == ["2 headings h1: One,Two"]
    assert page_checks.broken(page) == ["It broke"]
