"""The dashboard behind a login: a real issuer, a real collector with an incident, Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import TimeoutError as NotInTime

from collector.storage.incident_queries import IncidentRow, IncidentStory
from collector.storage.queries import Reader
from dashboard.pages import CATALOGUE
from dashboard.settings import PageSettings
from schemas.config import Store
from tests.browser.test_dashboard import ARGUMENTS, CHROMIUM, READY_MS, show
from tests.support import oidc_provider, page_checks
from tests.support.oidc_provider import Provider, provided
from tests.support.processes import Deployment, deployment, wait_for
from touchstone.address import free_port

TOKEN = "a-token-of-the-collector"
COOKIE_SECRET = "a-secret-that-signs-the-cookies-of-a-test"
ANA, VIC, GUS, EVE, UNA = (
    "ana@acme.example",
    "vic@acme.example",
    "gus@acme.example",
    "eve@evil.example",
    "una@acme.example",
)
PEOPLE: dict[str, dict[str, Any]] = {
    "ana": {"email": "Ana@acme.example", "email_verified": True, "name": "Ana"},
    "vic": {"email": VIC, "email_verified": True},
    "gus": {"email": GUS, "email_verified": True, "groups": ["on-call"]},
    "eve": {"email": EVE, "email_verified": True},
    "una": {"email": ANA, "email_verified": False},
}
DOOR, INSIDE = ".st-key-door .st-key-login", ".st-key-who"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@dataclass
class House:
    """What runs, and where."""

    made: Deployment
    issuer: Provider
    url: str

    @property
    def store(self) -> Store:
        """Where the facts are."""
        return Store(url=f"http://127.0.0.1:{self.made.store_port}", database="touchstone_test", embedded=None)

    def story(self, id: str) -> IncidentStory:
        """The incident as the store has it now."""
        with Reader.open(self.store) as reader:
            story = reader.incident(id)
        assert story is not None
        return story


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Everything, with one target that refuses every connection, and a login before the dashboard."""
    with (
        deployment(tmp_path_factory.mktemp("login")) as made,
        provided(Provider(PEOPLE)) as issuer,
    ):
        listen, url = f"127.0.0.1:{free_port()}", f"http://127.0.0.1:{made.collector_port}"
        issuer.redirect_uris.add(f"http://{listen}/oauth2callback")
        for name, content in (("token", TOKEN), ("client", oidc_provider.SECRET), ("cookie", COOKIE_SECRET)):
            (made.folder / name).write_text(content)
        made.write(
            target={"model": "m", "url": "http://127.0.0.1:1/v1"},
            module={"kind": "http_request", "interval": "1s", "timeout": "1s"},
            agent={
                "spool": str(made.folder / "spool.db"), "collector_url": url, "ship_every": "250ms",
                "token_file": "token",
            },
            collector={
                "listen": f"127.0.0.1:{made.collector_port}", "state": str(made.folder / "state.db"),
                "judge_every": "1s", "tokens": {"all": {"secret_file": "token"}},
            },
            dashboard={
                "listen": listen, "collector_url": url, "token_file": "token",
                "login": {
                    "issuer": issuer.issuer, "name": "Acme", "client_id": oidc_provider.CLIENT,
                    "client_secret_file": "client", "cookie_secret_file": "cookie", "url": f"http://{listen}",
                    "session": "1h",
                    "roles": {"responder": {"emails": [ANA], "groups": ["on-call"]}, "viewer": {"emails": [VIC]}},
                },
            },
        )  # fmt: skip
        made.start("store")
        made.said("store", "store: http")
        made.start("collect")
        made.said("collect", "collector: http")
        made.start("agent")
        made.start("dashboard")
        made.said("dashboard", "dashboard: http")
        yield House(made, issuer, f"http://{listen}")
        made.stop("dashboard")


@pytest.fixture(scope="module")
def incident(house: House) -> IncidentRow:
    """The one that is open."""
    with Reader.open(house.store) as reader:
        return wait_for("an incident", lambda: next(iter(reader.open_incidents()), None))


@pytest.fixture(scope="module")
def browser(house: House, incident: IncidentRow) -> Iterator[Any]:
    """Chromium without a window; begun after everything that needs an event loop of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A tab of a browser that knows nothing of us."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    yield context.new_page()
    context.close()


def log_in(page: Any, who: str) -> None:
    """Through the door that is on the screen, as *who*."""
    page.locator(DOOR).get_by_role("button").click()
    page.get_by_role("link", name=who, exact=True).click(timeout=READY_MS)


def inside(page: Any, url: str, who: str, until: str = INSIDE) -> None:
    """Open *url* as *who*."""
    show(page, url, DOOR)
    log_in(page, who)
    page.wait_for_selector(until, timeout=READY_MS)


def test_nobody_sees_anything_of_any_page_before_they_have_logged_in(
    page: Any, house: House, incident: IncidentRow
) -> None:
    """At every address of the catalogue, filters and all: the door, and nothing that is known here is even sent."""
    frames: list[bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(_bytes(frame))))
    addresses = [
        "/",
        *(f"/{entry.name}" for entry in CATALOGUE),
        f"/incident?id={incident.id}",
        "/cluster?cluster=acme/east",
    ]
    for address in addresses:
        show(page, house.url + address, DOOR)

        assert page.locator("h1").all_inner_texts() == ["Log in"], address
        assert page.get_by_role("dialog").count() == 0, address
        assert page.locator(".st-key-nav, .ts-fresh").count() == 0, address
    said = b"".join(frames)
    assert len(frames) >= len(addresses) and b"Log in with Acme" in said
    for known in (
        "east",
        incident.id,
        "Whom can I trust",
        "Monitor health",
        TOKEN,
        COOKIE_SECRET,
        oidc_provider.SECRET,
    ):
        assert known.encode() not in said, known


def _bytes(frame: str | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()
