"""Every page while the store does not answer: it says so, readably, and shows nothing as if it were known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import chromium, page_checks
from tests.support.chromium import show
from tests.support.processes import deployment
from touchstone.address import free_port

pytestmark = [pytest.mark.browser, chromium.needed]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard whose store nobody has started."""
    with deployment(tmp_path_factory.mktemp("silent")) as made:
        made.write(target={"model": "m", "url": "http://127.0.0.1:1/v1"}, module={"kind": "chat_stream"})
        listen = f"127.0.0.1:{free_port()}"
        made.start("dashboard", "--listen", listen)
        made.said("dashboard", f"http://{listen}")
        yield f"http://{listen}"
        made.stop("dashboard")


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Any]:
    """Chromium without a window; begun after everything that needs an event loop of its own."""
    with chromium.opened() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["status", "provider?provider=acme"])
def test_a_page_says_that_nothing_is_known(page: str, scheme: str, address: str, browser: Any) -> None:
    """Where it looked, and when it looks again; no exception, no tier, no figure."""
    tab = browser.new_page(color_scheme=scheme)
    show(tab, f"{address}/{page}", '[data-testid="stAlertContentError"]')

    said = tab.locator(".stMain").inner_text()
    assert "The store does not answer" in said and "connection refused" in said
    assert "Nothing is known of any provider from here. Trying again every 5 s." in said
    assert tab.locator('[data-testid="stException"], .ts-badge, .ts-figure').count() == 0
    assert page_checks.too_faint(tab) == []
    tab.close()
