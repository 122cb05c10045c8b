"""What a page reads is begun before it is drawn: all of it, and a mistake there costs time and nothing else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from collector.storage.queries import Reader
from dashboard import reader, reading_ahead
from dashboard.pages import CATALOGUE
from dashboard.settings import PageSettings
from schemas.config import Store
from tests.browser.test_dashboard import FLEET, SETTINGS
from tests.contract.test_claims_page import forget, html
from tests.support import claims, small_world
from tests.support.processes import wait_for
from tests.support.reads_ahead import settle
from tests.support.stores import fresh_database
from touchstone.config_file import load_configuration

WAIT_S = 60
ASKED = {
    "provider": {"provider": "clay", "window": "30d", "cluster": "clay/us-east"},
    "cluster": {"cluster": "clay/us-east", "window": "30d"},
    "compare": {"days": "90d"},
    "reports": {"of": "beryl", "period": "90d"},
}
AHEAD = ("status", "provider", "cluster", "compare", "capacity", "reports", "integrity")


class Asked(Reader):
    """A reader that knows on which threads it was asked."""

    threads: set[str]

    def _rows(self, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
        self.threads.add(threading.current_thread().name)
        return super()._rows(sql, **parameters)


def page() -> None:
    """The page that the address names."""
    import streamlit as st

    from tests.support.dashboard_page import shown

    shown(st.query_params["page"])


@pytest.fixture(scope="module")
def store(store_process: str) -> Iterator[Store]:
    """The small world, with claims of clay that are contradicted."""
    for store in fresh_database(Store(url=store_process, database="t_ahead")):
        at = small_world.whole_minute(datetime.now(UTC))
        small_world.furnish_now(store, at)
        claims.examine(store, "clay", at)
        yield store


@pytest.fixture
def asked(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    """What all pages read through, in a dashboard over that store that has read nothing yet."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "touchstone.yaml").write_text(SETTINGS.format(url=store.url, database=store.database))
    configuration = load_configuration(tmp_path / "touchstone.yaml", {})
    for name, value in PageSettings.of(configuration).to_environ().items():
        monkeypatch.setenv(name, value)
    forget()
    with Asked.open(store) as asked:
        asked.threads = set()
        monkeypatch.setattr(reader, "_reader", lambda: asked)
        yield asked
    forget()


@pytest.mark.parametrize("name", AHEAD)
def test_whoever_draws_a_page_reads_nothing(asked: Asked, name: str) -> None:
    """All was begun already, of what its address asks for; what ran out meanwhile is read behind."""
    reading_ahead.read_ahead(name, ASKED.get(name, {}))
    settle()
    assert asked.threads
    asked.threads.clear()
    drawn = AppTest.from_function(page, default_timeout=WAIT_S)
    for key, value in {"page": name, **ASKED.get(name, {})}.items():
        drawn.query_params[key] = value
    assert html(drawn.run())

    assert not [thread for thread in asked.threads if not thread.startswith("CacheBackgroundRefresh")]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_an_address_is_read_ahead_unchecked_and_harms_nothing(entry: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands in it: nothing that is not configured is asked for, and nothing fails."""
    names = ("provider", "cluster", "window", "days", "of", "period", "model", "providers", "id", "tier")
    with caplog.at_level(logging.ERROR, logger=reading_ahead.__name__):
        for odd in ("", "x", "clay/none", "<img src=x>", "'; DROP TABLE observations", "clay"):
            reading_ahead.read_ahead(entry.name, dict.fromkeys(names, odd))
        settle()

    assert caplog.records == []


def test_what_goes_wrong_while_reading_ahead_is_logged_and_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Unless the store is silent, which every page tells."""

    def wrong() -> None:
        raise ValueError("a mistake in a view")

    with caplog.at_level(logging.ERROR, logger=reading_ahead.__name__):
        reading_ahead.begin(wrong)
        wait_for("the mistake", lambda: caplog.records or None)

    assert [record.getMessage() for record in caplog.records] == ["reading ahead: a mistake in a view"]
