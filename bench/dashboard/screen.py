"""What one person with a browser waits for: pages and filters in a real Chromium, timed in the page itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.dashboard.errors import BenchError
from bench.dashboard.places import Filter, Place
from bench.dashboard.viewer import Looked, Viewer

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
DRAWN_MS_MAX = 120_000
WIDE = {"width": 1440, "height": 1000}

# The script has come to rest, its heading is there, nothing is grey, and each chart is painted; ms since the request.
_DRAWN = """
() => {
  const app = document.querySelector('[data-testid="stApp"]')
  const painted = chart => chart.querySelector('canvas, svg')
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('.ts-title')
    && !document.querySelector('[data-stale="true"]')
    && [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')].every(painted) && performance.now()
}"""
# The click, as the page hears it; then whether the script came to rest, or anything but the control was drawn anew: a
# script may be over before the page has shown that it runs.
_WATCH = """
() => {
  const app = document.querySelector('[data-testid="stApp"]')
  const drawn = '[data-testid="stHtml"], [data-testid="stVegaLiteChart"], [data-testid="stLayoutWrapper"]'
  window.benchClicked = 0; window.benchSeen = false
  new MutationObserver(() => { window.benchSeen ||= app.dataset.testScriptState === 'notRunning' })
    .observe(app, {attributes: true, attributeFilter: ['data-test-script-state']})
  new MutationObserver(several => { window.benchSeen ||= several.some(one =>
    [...one.addedNodes, ...one.removedNodes, one.target].some(node => node.matches?.(drawn))) })
    .observe(document.querySelector('[data-testid="stMain"]'), {childList: true, subtree: true})
  document.addEventListener('click', () => { window.benchClicked = performance.now(); window.benchSeen = false }, true)
}"""
_REDRAWN = (
    "address => window.benchClicked && window.benchSeen && location.search.includes(address) && ("
    + _DRAWN.strip()
    + ")() && performance.now() - window.benchClicked"
)


@dataclass(slots=True)
class Seen:
    """
    Seconds by page: in a browser that was never there (cold), in one that was (unread), both with nothing read; and
    after that (warm). By page and filter: with nothing read (cold), and after that (warm).
    """

    cold_s: dict[str, list[float]] = field(default_factory=dict)
    unread_s: dict[str, list[float]] = field(default_factory=dict)
    warm_s: dict[str, list[float]] = field(default_factory=dict)
    cold_filters_s: dict[str, list[float]] = field(default_factory=dict)
    warm_filters_s: dict[str, list[float]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """Chromium without a window; raises BenchError where it is not installed."""
    from playwright.async_api import Error, async_playwright

    async with async_playwright() as playwright:
        try:
            opened = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        except Error as error:
            raise BenchError(f"{CHROMIUM} does not start; on Debian: apt-get install chromium") from error
        yield opened
        await opened.close()


async def see(chromium: Any, url: str, place: Place, seen: Seen, *, warm: int) -> None:
    """One round of *place*: by somebody who was never there, with nothing read; so again; then *warm* times more."""
    from playwright.async_api import Error

    context = await chromium.new_context(viewport=WIDE)
    try:
        tab = await context.new_page()
        for number in range(2 + warm):
            pages = (seen.cold_s, seen.unread_s, seen.warm_s)[min(number, 2)]
            filters = seen.cold_filters_s if number < 2 else seen.warm_filters_s
            if number < 2:
                await forget(url)
            pages.setdefault(place.name, []).append(await open_page(tab, url + place.path))
            await tab.evaluate(_WATCH)
            for one in place.filters:
                took_s = await choose(tab, one)
                filters.setdefault(f"{place.name}, {one.option}", []).append(took_s)
    except Error as error:
        seen.complaints.append(f"{place.name}: {str(error).splitlines()[0]}")
    finally:
        await context.close()


async def open_page(tab: Any, address: str) -> float:
    """Seconds from the request for *address* until everything is drawn."""
    await tab.goto(address, wait_until="commit")
    drawn = await tab.wait_for_function(_DRAWN, polling="raf", timeout=DRAWN_MS_MAX)
    return float(await drawn.json_value()) / 1000


async def choose(tab: Any, one: Filter) -> float:
    """Seconds from the click on what *one* chooses until it is drawn."""
    if one.kind == "pill":
        pills = tab.get_by_role("radio").or_(tab.get_by_role("button"))  # of one or of several
        await pills.filter(has_text=re.compile(f"^{re.escape(one.option)}$")).first.click()
    else:
        await tab.get_by_role("combobox", name=one.label).click()
        await tab.get_by_role("option", name=one.option, exact=True).click()
    redrawn = await tab.wait_for_function(_REDRAWN, arg=one.address, polling="raf", timeout=DRAWN_MS_MAX)
    return float(await redrawn.json_value()) / 1000


async def forget(url: str) -> None:
    """Have the dashboard at *url* forget all that it has read."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url.replace("http://", "ws://") + "/_stcore/stream", protocols=["streamlit"]) as socket,
    ):
        await Viewer(socket, Looked()).forget()
        await asyncio.sleep(0.3)
