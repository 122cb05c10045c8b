"""A real incident's page, and what is clicked there: store, collector, agent, a dead target, Debian's Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.storage.incident_queries import IncidentRow
from collector.storage.queries import Reader
from dashboard.settings import PageSettings
from schemas.config import Store
from tests.support import chromium, refusing_house
from tests.support.chromium import READY_MS, click_until, show
from tests.support.processes import Deployment, deployment, wait_for
from touchstone.address import free_port

BELOW = ".ts-tries, .ts-calm"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.browser, chromium.needed]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Everything, with a collector that asks for a token, and one target that refuses every connection."""
    with deployment(tmp_path_factory.mktemp("incident")) as made:
        listen = f"127.0.0.1:{free_port()}"
        refusing_house.write(made, listen)
        refusing_house.start(made)
        made.dashboard_url = f"http://{listen}"  # type: ignore[attr-defined]
        yield made
        made.stop("dashboard")


def store(house: Deployment) -> Store:
    """Where the facts of *house* are."""
    return Store(url=f"http://127.0.0.1:{house.store_port}", database="touchstone_test", embedded=None)


@pytest.fixture(scope="module")
def incident(house: Deployment) -> IncidentRow:
    """The one that is open, once a try to page is on record."""
    with Reader.open(store(house)) as reader:

        def told() -> IncidentRow | None:
            found = reader.open_incidents()
            return found[0] if found and (story := reader.incident(found[0].id)) and story.pages else None

        return wait_for("an incident with a page", told)


@pytest.fixture(scope="module")
def page(house: Deployment, incident: IncidentRow) -> Iterator[Any]:
    """A tab; begun after everything that needs an event loop of its own."""
    with chromium.opened() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 1000})


def address(house: Deployment, path: str) -> str:
    """Of a page."""
    return f"{house.dashboard_url}{path}"  # type: ignore[attr-defined]


def stored(house: Deployment, id: str) -> IncidentRow:
    """The incident as the store has it now."""
    with Reader.open(store(house)) as reader:
        story = reader.incident(id)
    assert story is not None
    return story.incident


def test_a_card_leads_to_the_page_of_its_incident(page: Any, house: Deployment, incident: IncidentRow) -> None:
    """From Status: what, since, how sure, the timeline, every try to page."""
    show(page, address(house, "/"), ".ts-foot")
    page.locator(f".st-key-card-{incident.id} a").click()
    page.wait_for_selector(".ts-tries", timeout=READY_MS)

    whole = page.locator(".ts-whole").inner_text()
    assert f"/incident?id={incident.id}" in page.url
    assert "is down" in whole and "connect_refused" in whole and incident.rule in whole and incident.certainty in whole
    assert "1 of 1 targets watched there: acme/east/chat" in whole
    assert "opened" in page.locator(".ts-steps li").first.inner_text()
    assert "no answer" in page.locator(".ts-tries").inner_text()


def test_an_incident_is_acknowledged_by_a_click_and_taken_back(
    page: Any, house: Deployment, incident: IncidentRow
) -> None:
    """Not without a name; with one the page and the store say who has it, and that it was said on the dashboard."""
    show(page, address(house, f"/incident?id={incident.id}"), BELOW)
    page.get_by_role("button", name="I have it").click()
    page.get_by_text("Give your name first").wait_for(timeout=READY_MS)
    assert stored(house, incident.id).acknowledged_by == ""

    page.get_by_label("Your name").fill("Ana <b>")
    page.get_by_label("Your name").press("Enter")
    page.get_by_role("button", name="I have it").click()
    page.locator(".ts-whole .ts-flag", has_text="Ana <b> has it").wait_for(timeout=READY_MS)

    assert stored(house, incident.id).acknowledged_by == "Ana <b>"
    page.locator(".ts-steps", has_text="by Ana <b> (dashboard), until").wait_for(timeout=READY_MS)
    page.get_by_role("button", name="Nobody has it").click()
    page.locator(".ts-steps", has_text="lapsed").wait_for(timeout=READY_MS)
    assert stored(house, incident.id).acknowledged_by == ""


def test_a_silence_is_said_and_ended(page: Any, house: Deployment, incident: IncidentRow) -> None:
    """The name is remembered; a silence needs a why, stands on both pages with whose it is, and is ended by a click."""
    show(page, address(house, f"/incident?id={incident.id}"), BELOW)
    page.get_by_label("Your name").fill("ana")
    page.get_by_label("Your name").press("Enter")
    page.get_by_text(f"Silence {incident.scope}").click()
    page.get_by_label("Why it is silenced").fill("driver upgrade")
    page.get_by_label("Why it is silenced").press("Enter")
    flag = page.locator(".ts-whole .ts-flag", has_text="of ana: driver upgrade")
    click_until(page.get_by_role("button", name="For 2 h"), flag)

    page.get_by_role("link", name="All incidents").click()
    held = page.locator(".ts-held")
    held.wait_for(timeout=READY_MS)
    assert "for 2 h, until" in held.inner_text() and "ana: driver upgrade" in held.inner_text()
    wait_for("the name", lambda: page.get_by_label("Your name").input_value() == "ana")
    click_until(page.get_by_role("button", name="End", exact=True), page.get_by_text("None: every page goes out."))
    wait_for("the release", lambda: stored(house, incident.id).suppressed_by == "")


def test_a_drill_is_sent_by_a_click_and_is_on_record(page: Any, house: Deployment) -> None:
    """In the name that is typed, the way a real page goes; the collector says that it is well, and so does the page."""
    show(page, address(house, "/pages"), ".ts-narrow")
    page.get_by_label("Your name").fill("ana")
    page.get_by_label("Your name").press("Enter")
    click_until(page.get_by_role("button", name="Send a drill"), page.get_by_text("DRILL is on its way"))
    with Reader.open(store(house)) as reader:
        said = wait_for("the drill on record", lambda: [one for one in reader.responses(EPOCH) if one.what == "drill"])
    page.locator(".ts-list", has_text="drill").first.wait_for(timeout=READY_MS)

    assert (said[0].by, said[0].via, said[0].refused) == ("ana", "dashboard", "")
    show(page, address(house, "/health"), ".ts-signs")
    assert "Outbox" in page.locator(".ts-signs").inner_text()


def test_no_token_stands_where_others_can_read_it(page: Any, house: Deployment) -> None:
    """Not in what was started, not in what it printed, not in a page; and not among the settings in the environment."""
    process = Path(f"/proc/{house.pid('dashboard')}")
    variables = dict(
        variable.split("=", 1) for variable in (process / "environ").read_text().split("\0") if "=" in variable
    )

    assert refusing_house.TOKEN not in (process / "cmdline").read_text()
    assert refusing_house.TOKEN not in house.log("dashboard")
    assert refusing_house.TOKEN not in page.content()
    assert [name for name, value in variables.items() if refusing_house.TOKEN in value] == [
        "TOUCHSTONE_DASHBOARD_TOKEN"
    ]
    del variables["TOUCHSTONE_DASHBOARD_TOKEN"]
    assert PageSettings.from_environ(variables).token is None


def test_without_a_collector_the_page_shows_everything_and_says_that_nothing_can_be_done(
    page: Any, house: Deployment, incident: IncidentRow
) -> None:
    """Last, because it stops it."""
    house.stop("agent")
    house.stop("collect")

    def silent() -> bool:
        show(page, address(house, f"/incident?id={incident.id}"), BELOW)
        return page.get_by_text("Nothing can be acknowledged from here").count() == 1

    wait_for("the page says so", silent)
    assert "cannot be asked" in page.locator(".ts-calm").first.inner_text()
    assert page.get_by_role("button", name="I have it").count() == 0
    assert page.locator(".ts-steps li").count() >= 1
