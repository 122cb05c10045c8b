"""
Every page of the catalogue, walked in Chromium over one store: no error, no request outside, readable by everybody.

A page is opened once: first on a desk in the light, then on a telephone, then in the dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.pages import CATALOGUE
from schemas.config import Store
from tests.browser.test_dashboard import ARGUMENTS, CHROMIUM, FLEET, READY_MS, SETTINGS, show
from tests.support import full_store, page_checks, small_world
from tests.support.dashboard_server import served
from tests.support.stores import fresh_database
from touchstone.config_file import load_configuration

WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}
OF = {"provider": "?provider=clay", "cluster": "?cluster=agate/us-east", "incident": "?id=inc-c1a4c1a4c1a4"}
REDRAWN_MS = 400  # charts follow the width of the screen a little later
DARK = "rgb(16, 18, 21)"  # backgroundColor of theme.dark
# Two that Streamlit asks for beside every page but the first, and does without.
ABSENT = re.compile(r"/_stcore/(health|host-config)$")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def address(store_process: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a dashboard over a store in which every page has something to show."""
    folder = tmp_path_factory.mktemp("every_page")
    for store in fresh_database(Store(url=store_process, database="t_every_page")):
        (folder / "fleet.yaml").write_text(FLEET)
        (folder / "touchstone.yaml").write_text(SETTINGS.format(url=store.url, database=store.database))
        configuration = load_configuration(folder / "touchstone.yaml", {})
        full_store.furnish(store, configuration, small_world.whole_minute(datetime.now(UTC)))
        with served(folder / "touchstone.yaml") as url:
            yield url


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Any]:
    """One tab for all pages; `asked` has every address that it asked for, `said` what its console called an error."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        tab = browser.new_page(viewport=WIDE, color_scheme="light")
        tab.asked, tab.said = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("console", lambda line: tab.said.append(f"{line.text} {line.location['url']}") if _bad(line) else None)
        tab.on("pageerror", lambda error: tab.said.append(str(error)))
        yield tab
        browser.close()


def _bad(line: Any) -> bool:
    return line.type == "error" and not ABSENT.search(line.location["url"])


@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE])
def test_a_page_is_for_everybody(page: Any, address: str, name: str) -> None:
    """It loads, asks nobody outside, and is readable, named and as wide as the screen."""
    page.asked.clear()
    page.said.clear()
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    show(page, f"{address}/{name}{OF.get(name, '')}", "h1")
    own = (address, address.replace("http:", "ws:"), "data:", "blob:")

    wrong = {
        "broken": page_checks.broken(page),
        "headings": page_checks.headless(page),
        "controls": page_checks.nameless(page),
        "pictures": page_checks.wordless(page),
        "light": page_checks.too_faint(page),
    }
    page.set_viewport_size(NARROW)
    page.wait_for_timeout(REDRAWN_MS)
    wrong["telephone"] = page_checks.sideways(page)
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


def test_links_that_people_have_kept_still_lead_there(page: Any, address: str) -> None:
    """Of every page that there was before the navigation."""
    kept = {
        "/status": "Status", "/provider?provider=beryl": "Beryl", "/incidents?of=beryl": "Incidents",
        "/incident?id=inc-be41be41be41": "is up again", "/sla?of=agate": "SLA",
    }  # fmt: skip
    page.set_viewport_size(WIDE)
    for path, words in kept.items():
        show(page, f"{address}{path}", "h1")
        assert words in page.locator("h1").inner_text()
