"""`touchstone doctor`: canaries that nobody can reach would excuse every provider; a PDF needs who prints it."""

from __future__ import annotations

import socket

import pytest

from probes.kinds.http_request import HttpRequestModule
from schemas.config import Agent, Settings
from schemas.reports import Report, ReportTo
from touchstone.address import free_port
from touchstone.checkup import canaries, paper


def settings(*asked: str) -> Settings:
    """With those canaries."""
    return Settings(version=1, modules={"up": HttpRequestModule(kind="http_request")}, agent=Agent(canaries=asked))


def test_canaries_are_fine_when_all_can_be_reached_and_wrong_when_none_can() -> None:
    """One that is silent is a warning; without canaries there is nothing to check."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        up, also_up = (f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other))
        down, also_down = f"127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}/"
        found = [next(canaries(settings(*both))) for both in ((up, also_up), (up, down), (down, also_down))]

    assert [(check.result, check.text) for check in found] == [
        ("ok", "all 2 can be reached"),
        ("warn", f"cannot be reached: {down}"),
        ("fail", f"cannot be reached: {down}, {also_down}"),
    ]
    assert list(canaries(settings())) == []


def test_a_report_on_paper_needs_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails by the name of the report; other formats need none."""
    reports = tuple(Report(name=form, format=form, to=ReportTo(folder="out")) for form in ("html", "pdf"))
    monkeypatch.setenv("PATH", "/nowhere")
    (found,) = paper(settings().model_copy(update={"reports": reports}))

    assert (found.name, found.result) == ("pdf", "fail")
    assert found.text.startswith("pdf: a PDF is printed by Chromium, and none is installed")
    assert list(paper(settings().model_copy(update={"reports": reports[:1]}))) == []
