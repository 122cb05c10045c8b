"""What a session may do is asked again where it is done, whatever was drawn; and in whose name it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import login, reader
from dashboard.settings import PageSettings
from tests.unit.test_login_identity import CLAIMS, LOGIN
from tests.unit.test_page_settings import written
from touchstone.config_file import load_configuration
from touchstone.system_clock import SystemClock

WAIT_S = 60
VIEWER = {"email": "vic@acme.example"}


class Collector(BaseHTTPRequestHandler):
    """Says that it is done, and keeps what it was told."""

    told: list[dict[str, Any]]

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def acting() -> None:
    """A click that came from somewhere, in a name that somebody made up."""
    import streamlit as st

    from dashboard.views import incident

    done, words = incident.act("/api/v1/drill", "mallory", "sent", destinations=[], via="cli")
    st.text(f"{done}: {words}")


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where a collector listens, and what it is told."""
    handler = type("Handler", (Collector,), {"told": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.told
    server.shutdown()
    server.server_close()
    thread.join()


def said(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], *, read_only: bool = False
) -> str:
    """What a click of whoever has these claims comes to."""
    configuration = load_configuration(written(folder, "a-token-of-the-collector"), {})
    given = PageSettings.of(configuration).model_dump(exclude={"token", "login"})
    settings = PageSettings.model_validate(given | {"collector_url": url, "read_only": read_only, "login": LOGIN})
    for name, value in settings.to_environ().items():
        monkeypatch.setenv(name, value)
    reader.page_settings.cache_clear()
    clock = SystemClock()
    login.keep_time_by(clock)
    page = AppTest.from_function(acting, default_timeout=WAIT_S)
    page.user = CLAIMS | {"iat": clock.now().timestamp()} | claims
    page.run()
    reader.page_settings.cache_clear()
    assert not page.exception
    return str(page.text[0].value)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        (VIEWER, "False: vic@acme.example is a viewer of this dashboard: nothing was done"),
        ({"is_logged_in": False}, "False: You are not logged in: nothing was done"),
        ({"iat": datetime(2026, 1, 1, tzinfo=UTC).timestamp()}, "False: Your session is over: nothing was done"),
        ({"email": "eve@evil.example"}, "False: eve@evil.example has no role"),
    ],
)
def test_whoever_is_no_responder_cannot_act_whatever_was_drawn(
    claims: dict[str, Any],
    words: str,
    tmp_path: Path,
    told: tuple[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The collector is not even asked."""
    assert said(tmp_path, told[0], monkeypatch, claims).startswith(words)
    assert told[1] == []


def test_a_responder_acts_in_their_own_name_and_in_no_other(
    tmp_path: Path, told: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever name is passed along; and it is said that there was a login."""
    assert said(tmp_path, told[0], monkeypatch, {}).startswith("True: sent")
    assert told[1] == [{"destinations": [], "by": "ana@acme.example", "via": "login"}]


def test_read_only_wins_over_every_role(
    tmp_path: Path, told: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A responder too."""
    words = said(tmp_path, told[0], monkeypatch, {}, read_only=True)

    assert words == "False: This dashboard is read-only: nothing was done"
    assert told[1] == []
