"""Exported pages in Chromium: nothing is fetched, nothing is wider than a telephone, and paper is light."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from collector.exports import status_page
from collector.exports.catalog import rendered
from collector.exports.status_page import ProviderStatus, PublicIncident, StatusPage
from collector.judgement import day_marks
from schemas.incident import Level
from schemas.verdict import Tier
from tests.support.claims import HOSTILE
from tests.unit.test_exports import AT, card

pytestmark = pytest.mark.browser
LONG = "x" * 200
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
DARK, LIGHT = "rgb(20, 23, 27)", "rgb(255, 255, 255)"


def public() -> str:
    """A status page whose names are hostile, or longer than any line."""
    days = day_marks.row((), AT.date(), 90)
    seen = AT - timedelta(minutes=1)
    providers = tuple(
        ProviderStatus(provider=name, name=name, tier=Tier.GOLD, days=days, observed_at=seen)
        for name in (HOSTILE, LONG)
    )
    down = PublicIncident(LONG, Level.PROVIDER, "P0", HOSTILE + LONG, LONG, AT - timedelta(hours=1), None)
    return status_page.render(StatusPage(at=AT, providers=providers, incidents=(down,), simulated=True), tiers=True)


def test_pages_ask_for_nothing_and_fit_a_telephone_and_paper(tmp_path: Path) -> None:
    """Of both pages, with every name hostile: no request, no error, no dialogue; dark on a screen, light on paper."""
    pages = {"card.html": rendered("html", card(name=HOSTILE + LONG)), "status.html": public().encode()}
    for name, body in pages.items():
        (tmp_path / name).write_bytes(body)
    asked: list[str] = []
    wrong: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        for name in pages:
            page.goto((tmp_path / name).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert page.evaluate(BACKGROUND) == DARK
            page.emulate_media(media="print")
            page.set_viewport_size({"width": 695, "height": 1000})  # what A4 leaves, in CSS pixels
            assert page.evaluate(BACKGROUND) == LIGHT
            assert page.evaluate("document.documentElement.scrollWidth") <= 695, name
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": 390, "height": 800})
        browser.close()

    assert asked == [(tmp_path / name).as_uri() for name in pages]
    assert wrong == []
