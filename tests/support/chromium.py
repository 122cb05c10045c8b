"""Debian's Chromium as tests drive it: opened once, shown a page until it has come to rest, clicked until it heard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
READY_MS = 60_000
CLICKS_MAX, CLICK_MS = 6, 10_000
needed = pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed")


@contextmanager
def opened() -> Iterator[Any]:
    """Chromium without a window; to be begun after everything that needs an event loop of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


def show(page: Any, url: str, until: str) -> None:
    """Open *url* and wait until *until* is there and the script has come to rest."""
    page.goto(url)
    page.wait_for_selector(until, timeout=READY_MS)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=READY_MS)


def click_until(button: Any, sign: Any) -> None:
    """Click, and again when nothing came of it: a page that was just being drawn anew takes no click."""
    from playwright.sync_api import TimeoutError as NotInTime

    for _ in range(CLICKS_MAX):
        with suppress(NotInTime):
            button.click(timeout=CLICK_MS)
        with suppress(NotInTime):
            sign.first.wait_for(timeout=CLICK_MS)
            return
    sign.first.wait_for(timeout=READY_MS)
