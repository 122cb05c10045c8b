"""What an examination stored, read for one provider and shown on its page and on the status page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from collector.judgement.integrity.suspicion import Stage
from collector.storage.queries import Reader
from dashboard import reader
from dashboard.settings import PageSettings
from schemas.config import Configuration, Settings, Store
from schemas.fleet import Fleet
from tests.support import claims

AT = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
WAIT_S = 60


def status_page() -> None:
    """The status page, with the others beside it."""
    from tests.support.dashboard_page import shown

    shown("status")


def provider_page() -> None:
    """The page of the provider that the address names."""
    from tests.support.dashboard_page import shown

    shown("provider")


@pytest.fixture
def examined(store: Store) -> Store:
    """Claims of acme were examined twice; of bolt never."""
    claims.examine(store, "acme", AT)
    claims.examine(store, "acme", AT + 6 * HOUR)
    return store


@pytest.fixture
def pages(examined: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of a dashboard over that store, and none of another's caches."""
    settings = Settings.model_validate({"version": 1, "store": examined, "modules": {"chat": {"kind": "chat_stream"}}})
    target = {"model": "m", "url": "http://127.0.0.1:9", "modules": ["chat"]}
    cluster = {"clusters": {"us-east": {"targets": {"chat": target}}}}
    fleet = Fleet.model_validate({"providers": {"acme": cluster, "bolt": cluster}})
    handed = PageSettings.of(Configuration(settings=settings, fleet=fleet)).to_environ()
    for name, value in handed.items():
        monkeypatch.setenv(name, value)
    forget()
    yield
    forget()


def forget() -> None:
    """Drop what the pages hold of a store."""
    import streamlit

    reader.page_settings.cache_clear()
    streamlit.cache_data.clear()
    streamlit.cache_resource.clear()


def html(page: AppTest) -> str:
    """Everything that *page* says in HTML."""
    assert not page.exception
    return "".join(one.proto.body for one in page.get("html"))


def test_the_newest_examination_is_read_or_the_one_that_was_known(examined: Store) -> None:
    """An export of an older verdict stands on what was known then."""
    with Reader.open(examined) as opened:
        (newest,), (then,) = opened.examinations("acme"), opened.examinations("acme", AT + HOUR)

        assert (newest.at, then.at) == (AT + 6 * HOUR, AT)
        assert newest.suspicion == claims.suspected("acme", AT + 6 * HOUR)
        assert opened.examinations("acme", AT) == opened.examinations("bolt") == ()
        assert opened.suspicion_stages() == {"acme": Stage.REPLY_OPEN}


@pytest.mark.usefixtures("pages")
def test_the_page_of_a_provider_shows_what_its_last_examination_found() -> None:
    """After why it is in its tier: state, checks, and nothing of an answer as an element."""
    page = AppTest.from_function(provider_page, default_timeout=WAIT_S)
    page.query_params["provider"] = "acme"
    said = html(page.run())

    assert [one.value for one in page.header] == ["Are they what they say they are?"]
    assert said.index("Why this tier") < said.index("ts-state") < said.index("ts-check") < said.index("Measured")
    assert "the provider may still reply: E = 31.85" in said
    assert "&lt;img src=x" in said and "<img" not in said


@pytest.mark.usefixtures("pages")
def test_a_provider_that_was_not_examined_yet_says_when_it_will_be() -> None:
    """By `integrity.every`."""
    page = AppTest.from_function(provider_page, default_timeout=WAIT_S)
    page.query_params["provider"] = "bolt"

    assert "Nothing was examined yet" in (said := html(page.run()))
    assert "every 6 h (<code>integrity.every</code>)" in said


@pytest.mark.usefixtures("pages")
def test_only_a_suspected_provider_is_marked_on_the_status_page() -> None:
    """By a link to the section."""
    said = html(AppTest.from_function(status_page, default_timeout=WAIT_S).run())

    assert said.count('class="ts-mark"') == 1
    assert 'href="provider?provider=acme#claims"' in said
