"""The dashboard behind a login: a real issuer, a real collector with an incident, Debian's Chromium."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from collector.storage.incident_queries import IncidentRow, IncidentStory
from collector.storage.queries import Reader
from dashboard.pages import CATALOGUE
from dashboard.settings import CLIENT_VARIABLE, COOKIE_VARIABLE, PageSettings
from schemas.config import Store
from tests.browser.test_every_page import in_the_end
from tests.browser.test_incident_page import EPOCH
from tests.support import chromium, oidc_provider, page_checks, refusing_house
from tests.support.chromium import READY_MS, click_until, show
from tests.support.oidc_provider import Provider, provided
from tests.support.processes import Deployment, deployment, wait_for
from touchstone.address import free_port

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

pytestmark = [pytest.mark.browser, chromium.needed]


@dataclass
class House:
    """What runs, and where."""

    made: Deployment
    issuer: Provider
    url: str
    stop_issuer: Callable[[], None]

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
        ExitStack() as running,
    ):
        issuer = running.enter_context(provided(Provider(PEOPLE)))
        listen = f"127.0.0.1:{free_port()}"
        issuer.redirect_uris.add(f"http://{listen}/oauth2callback")
        for name, content in (("client", oidc_provider.SECRET), ("cookie", COOKIE_SECRET)):
            (made.folder / name).write_text(content)
        login = {
            "issuer": issuer.issuer, "name": "Acme", "client_id": oidc_provider.CLIENT,
            "client_secret_file": "client", "cookie_secret_file": "cookie", "url": f"http://{listen}", "session": "1h",
            "roles": {"responder": {"emails": [ANA], "groups": ["on-call"]}, "viewer": {"emails": [VIC]}},
        }  # fmt: skip
        refusing_house.write(made, listen, login=login)
        refusing_house.start(made)
        yield House(made, issuer, f"http://{listen}", running.close)
        made.stop("dashboard")


@pytest.fixture(scope="module")
def incident(house: House) -> IncidentRow:
    """The one that is open."""
    with Reader.open(house.store) as reader:
        return wait_for("an incident", lambda: next(iter(reader.open_incidents()), None))


@pytest.fixture(scope="module")
def browser(house: House, incident: IncidentRow) -> Iterator[Any]:
    """Chromium without a window; begun after everything that needs an event loop of its own."""
    with chromium.opened() as browser:
        yield browser


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
        page.wait_for_selector("h1", timeout=READY_MS)  # the browser draws HTML in a turn of its own, after the button

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
        refusing_house.TOKEN,
        COOKIE_SECRET,
        oidc_provider.SECRET,
    ):
        assert known.encode() not in said, known


def urlopened(url: str) -> int:
    """The status that somebody without any cookie gets."""
    try:
        with urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def _bytes(frame: str | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode()


def test_whoever_has_no_role_is_told_so_and_sees_nothing(page: Any, house: House) -> None:
    """By name; a stranger of the issuer, and somebody whose address it has not verified."""
    for who, words in (("eve", f"{EVE} has no role"), ("una", f"it has verified the address {ANA}")):
        show(page, f"{house.url}/sla", DOOR)
        log_in(page, who)
        page.get_by_text(words).wait_for(timeout=READY_MS)

        assert page.locator(".st-key-nav, .ts-fresh").count() == 0
        assert urlsplit(page.url).path == "/sla"


def test_a_viewer_sees_every_page_and_no_button_that_acts(page: Any, house: House, incident: IncidentRow) -> None:
    """The pages say why there is none; a link with filters has survived the login."""
    inside(page, f"{house.url}/incidents?severity=P1&of=acme", "vic", ".ts-fresh")
    assert page.url == f"{house.url}/incidents?severity=P1&of=acme"
    assert page.locator(INSIDE).inner_text().startswith(f"{VIC}, viewer")
    for path, button in ((f"/incident?id={incident.id}", "I have it"), ("/pages", "Send a drill")):
        show(page, house.url + path, ".ts-calm")
        page.get_by_text(f"{VIC} is a viewer of this dashboard").wait_for(timeout=READY_MS)

        assert page.get_by_role("button", name=button).count() == 0
        assert page.get_by_label("Your name").count() == 0


def test_a_responder_acknowledges_in_the_name_of_their_login(page: Any, house: House, incident: IncidentRow) -> None:
    """Nobody types a name; the ledger has the address as the issuer gave it, and that it came by the login."""
    address = f"{house.url}/incident?id={incident.id}"
    inside(page, address, "ana", ".ts-tries")
    assert page.url == address
    assert page.get_by_label("Your name").count() == 0
    click_until(page.get_by_role("button", name="I have it"), page.locator(".ts-flag", has_text=f"{ANA} has it"))

    page.locator(".ts-steps", has_text=f"by {ANA} (login), until").wait_for(timeout=READY_MS)
    assert house.story(incident.id).incident.acknowledged_by == ANA
    with Reader.open(house.store) as reader:
        said = [one for one in reader.responses(EPOCH) if one.what == "acknowledge"]
    assert [(one.by, one.via, one.refused) for one in said] == [(ANA, "login", "")]


def test_a_group_makes_a_responder_and_logging_out_ends_every_tab(page: Any, house: House) -> None:
    """Here and at the issuer; another tab is at the door within seconds, and so is a copy of the cookie."""
    inside(page, f"{house.url}/pages", "gus")
    assert page.locator(INSIDE).inner_text().startswith(f"{GUS}, responder")
    page.get_by_role("button", name="Send a drill").wait_for(timeout=READY_MS)
    other = page.context.new_page()
    show(other, f"{house.url}/method", ".ts-fresh")
    kept = [one for one in page.context.cookies() if one["name"] == "_streamlit_user"]
    assert len(kept) == 1 and kept[0]["httpOnly"]

    page.locator(INSIDE).get_by_role("button", name="Log out").click()
    for _ in range(READY_MS // 100):  # the door is drawn while the browser is on its way to the issuer
        if any(path.startswith("/end?") for path in house.issuer.asked):
            break
        page.wait_for_timeout(100)
    assert any(path.startswith("/end?") for path in house.issuer.asked)
    page.wait_for_selector(DOOR, timeout=READY_MS)
    other.wait_for_selector(DOOR, timeout=READY_MS)
    page.context.add_cookies([{key: kept[0][key] for key in ("name", "value", "domain", "path")}])
    show(page, f"{house.url}/method", DOOR)
    page.get_by_text("You have logged out").wait_for(timeout=READY_MS)


def test_a_cookie_lets_in_only_who_was_logged_in_here_lately(page: Any, house: House) -> None:
    """None that another secret signed, of another issuer or of an hour ago, whatever claims it has."""
    with_us = {
        "is_logged_in": True, "origin": house.url, "iss": house.issuer.issuer, "aud": oidc_provider.CLIENT,
        "sub": "ana", "iat": time.time(), "nonce": "of-a-test", "email": ANA, "email_verified": True,
    }  # fmt: skip
    for secret, change, words in (
        ("another-secret-of-the-same-length-as-ours", {}, "What is done here"),
        (COOKIE_SECRET, {"iss": "https://evil.example"}, "by https://evil.example for"),
        (COOKIE_SECRET, {"iat": time.time() - 3600}, "Your session is over"),
    ):
        hold(page, house, secret, with_us | change)
        show(page, house.url, DOOR)
        page.locator(".st-key-door").get_by_text(words).wait_for(timeout=READY_MS)
        assert page.locator(".st-key-nav").count() == 0
    hold(page, house, COOKIE_SECRET, with_us)
    show(page, house.url, INSIDE)


def hold(page: Any, house: House, secret: str, claims: dict[str, Any]) -> None:
    """Put a cookie with *claims* into the browser, signed with *secret*."""
    value = create_signed_value(secret, USER_COOKIE_NAME, json.dumps(claims)).decode()
    page.context.add_cookies([{"name": USER_COOKIE_NAME, "value": value, "url": house.url}])


@pytest.mark.parametrize("fault", ["nonce", "key"])
def test_a_token_that_was_not_made_for_this_login_lets_nobody_in(page: Any, house: House, fault: str) -> None:
    """Of another login, or signed by somebody else: a word, and the way back to the page that was asked for."""
    show(page, f"{house.url}/method", DOOR)
    house.issuer.fault = fault
    log_in(page, "ana")
    page.get_by_text("does not log anybody in here").wait_for(timeout=READY_MS)
    house.issuer.fault = ""
    page.get_by_role("link", name="Try again").click()
    page.wait_for_selector(DOOR, timeout=READY_MS)

    assert page.url == f"{house.url}/method"


def test_an_answer_to_a_question_that_was_not_asked_lets_nobody_in(page: Any, house: House) -> None:
    """A code of ana's with a state of somebody's making; and whoever says no at the issuer reads so here."""
    asked = {"redirect_uri": f"{house.url}/oauth2callback", "nonce": "n", "code_challenge": "c"}
    answer = page.goto(f"{house.url}/oauth2callback?code={house.issuer.code(asked, 'ana')}&state=made-up")
    assert answer.status == 403 and "does not log anybody in here" in page.content()
    assert [one for one in page.context.cookies() if one["name"] == USER_COOKIE_NAME and one["value"]] == []

    show(page, house.url, DOOR)
    log_in(page, "nobody")
    page.get_by_text("does not log anybody in here").wait_for(timeout=READY_MS)


def test_files_and_figures_of_the_server_are_not_for_everybody(page: Any, house: House) -> None:
    """A scorecard's download needs a login; what Streamlit tells of itself nobody gets; its health has no content."""
    inside(page, f"{house.url}/reports", "vic", "[data-testid=stDownloadButton]")
    with page.expect_download(timeout=READY_MS) as download:
        page.locator("[data-testid=stDownloadButton] button").first.click()
    file = download.value.url
    assert "/media/" in file and page.request.get(file).ok
    assert urlopened(file) == 403
    statuses = {
        path: [urlopened(house.url + path), page.request.get(house.url + path).status]
        for path in ("/media/00.md", "/_stcore/upload_file/a/b", "/_stcore/metrics", "/_stcore/agent/openapi.json")
    }

    assert statuses == {
        "/media/00.md": [403, 404],
        "/_stcore/upload_file/a/b": [403, 200],  # the frame of every page: nobody reads what was sent up
        "/_stcore/metrics": [404, 404],
        "/_stcore/agent/openapi.json": [404, 404],
    }
    assert page.request.get(f"{house.url}/_stcore/health").text() == "ok"


def test_the_door_is_for_everybody(page: Any, house: House) -> None:
    """In the light on a desk, and in the dark on a telephone; and the page of a login that failed."""
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    for address, until in ((house.url, DOOR), (f"{house.url}/oauth2callback?error=no", "main")):
        page.set_viewport_size({"width": 1440, "height": 1000})
        page.emulate_media(color_scheme="light")
        page.goto(address)
        page.wait_for_selector(until, timeout=READY_MS)
        wrong = {
            "heading": in_the_end(page, page_checks.headless),
            "controls": in_the_end(page, page_checks.nameless),
            "light": in_the_end(page, page_checks.too_faint),
        }
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(color_scheme="dark")
        wrong["dark"] = in_the_end(page, page_checks.too_faint)

        assert {what: found for what, found in wrong.items() if found} == {}, address
        assert page.evaluate(wide) is False, address


def test_no_secret_of_the_login_stands_where_others_can_read_it(page: Any, house: House) -> None:
    """Not in what was started, printed or shown; each is in a variable of its own, and half a login is none."""
    inside(page, house.url, "ana")
    process = Path(f"/proc/{house.made.pid('dashboard')}")
    lines = (process / "environ").read_text().split("\0")
    variables = dict(line.split("=", 1) for line in lines if "=" in line)
    secrets = (oidc_provider.SECRET, COOKIE_SECRET, *house.issuer.tokens)
    printed = (process / "cmdline").read_text() + house.made.log("dashboard") + page.content()

    assert [secret for secret in secrets if secret in printed] == []
    assert {name for name, value in variables.items() if any(secret in value for secret in secrets)} == {
        CLIENT_VARIABLE, COOKIE_VARIABLE,
    }  # fmt: skip
    assert "code=" not in printed
    assert "No runtime found" not in printed  # what keeps values was imported before Streamlit was there
    for name in (CLIENT_VARIABLE, COOKIE_VARIABLE):
        with pytest.raises(KeyError, match=name):
            PageSettings.from_environ({one: value for one, value in variables.items() if one != name})


def test_an_issuer_that_does_not_answer_is_said_and_lets_nobody_in(page: Any, house: House) -> None:
    """Last, because it stops it."""
    show(page, f"{house.url}/method", DOOR)
    house.stop_issuer()
    page.locator(DOOR).get_by_role("button").click()
    page.get_by_text("Acme cannot be asked who you are").wait_for(timeout=READY_MS)

    assert page.get_by_role("link", name="Try again").count() == 1
