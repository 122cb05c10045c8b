"""status_page: two documents become figures and posts; whatever a server sends is a result."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.storage import correlation_queries
from probes import status_document as read
from probes.attempt import observe
from probes.kinds import tls_handshake
from probes.status_document import KEPT_MAX, StatusDocument, UnreadableError, status_document
from schemas.observation import Observation, Outcome, Reason
from schemas.probe_kinds import SERVING_KINDS
from tests.support.bad_server import Script, bad_server, hangs, plain, resets, sends
from tests.support.subjects import TICK, bench, subject_of
from tests.unit.test_integrity_kinds import paged

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def incident(id: str = "x0ljvc9m1wxj", ago_h: float = 1, ended_ago_h: float | None = None, **others: Any) -> Any:
    """An incident as the API says it, some hours before NOW."""

    def said(hours: float) -> str:
        return (NOW - timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    ended = None if ended_ago_h is None else said(ended_ago_h)
    return {
        "id": id, "name": "Elevated errors", "impact": "major", "status": "investigating", "created_at": said(ago_h),
        "updated_at": ended or said(ago_h), "resolved_at": ended, "incident_updates": [{"body": "..."}],
    } | others  # fmt: skip


def page(*incidents: Any, indicator: Any = "major") -> bytes:
    """One document that is both summary and list of incidents."""
    return orjson.dumps({"page": {"id": "p"}, "status": {"indicator": indicator}, "incidents": list(incidents)})


def document(*incidents: Any, indicator: Any = "major") -> StatusDocument:
    """What is read of it."""
    return status_document(page(*incidents, indicator=indicator), page(*incidents, indicator=indicator))


async def seen_of(script: Script, **module: object) -> Observation:
    """The observation of one attempt against *script*, which answers both requests."""
    async with bad_server(script) as server, bench() as here:
        return await observe(here, subject_of("status_page", server.url, **module), TICK, 0, 1)


async def test_a_page_is_read_over_http() -> None:
    """Indicator, open incidents, the newest, and the posts themselves."""
    asked: list[bytes] = []

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, object]) -> None:
        asked.append(b"asked")
        now = datetime.now(UTC)
        one = incident("open", created_at=now.isoformat(), updated_at=now.isoformat())
        await sends(plain("200 OK", page(one, incident("old", 900, 899))))(reader, writer, request)

    seen = await seen_of(served)

    assert (seen.outcome, seen.reason, seen.http_status) == (Outcome.OK, None, 200), seen.detail
    assert (seen.figures["indicator"], seen.figures["open_incidents"]) == (2.0, 1.0)
    assert seen.figures["newest_created_s"] == seen.figures["newest_updated_s"] > 1.7e9
    assert [(one.series, one.item, one.text) for one in seen.samples] == [
        ("status_post", "open", "major: Elevated errors")
    ]
    assert seen.detail == "indicator major, 1 open"
    assert len(asked) == 2 and seen.timings.total_ms is not None


@pytest.mark.parametrize(
    ("indicator", "value"), [("none", 0.0), ("minor", 1.0), ("critical", 3.0), ("maintenance", None), (7, None)]
)
def test_an_indicator_that_is_not_known_is_no_figure(indicator: Any, value: float | None) -> None:
    """Unknown is not none."""
    assert document(indicator=indicator).figures().get("indicator") == value


def test_posts_are_kept_while_they_are_open_and_for_a_day_after() -> None:
    """Open for a week, ended an hour ago, ended two days ago."""
    found = document(incident("week", 170), incident("new", 3, 1), incident("past", 60, 48)).samples(NOW)

    assert [(one.series, one.item) for one in found] == [
        ("status_post", "new"), ("status_post_ended", "new"), ("status_post", "week"),
    ]  # fmt: skip
    assert found[1].value - found[0].value == 7200


def test_a_page_with_more_than_can_be_kept_keeps_the_newest() -> None:
    """Sixty open incidents; all are counted."""
    found = document(*(incident(f"i{n:02d}", n + 1) for n in range(60)))

    assert found.figures()["open_incidents"] == 60
    assert [one.item for one in found.samples(NOW)] == [f"i{n:02d}" for n in range(KEPT_MAX)]


@pytest.mark.parametrize(
    "broken",
    [
        {"id": ""}, {"id": 7}, {"created_at": None}, {"created_at": "yesterday"}, {"created_at": "2026-11-24T10:00:00"},
        {"created_at": "1601-01-01T00:00:00Z"}, {"created_at": "9999-12-31T23:59:59-12:00"},
    ],
)  # fmt: skip
def test_an_incident_that_cannot_be_read_is_skipped_and_counted(broken: dict[str, Any]) -> None:
    """The others stand."""
    found = document(incident("good"), incident() | broken, "no object")

    assert ([one.id for one in found.posts], found.skipped) == (["good"], 2)


def test_names_are_one_printable_line() -> None:
    """A name with line breaks and control characters, an id that is too long, no impact."""
    (one,) = document(incident("i" * 200, name="a\n\x1b[31mb", impact=None)).posts

    assert (len(one.id), one.said) == (100, "none: a \N{REPLACEMENT CHARACTER}[31mb")


def served(body: bytes, status: str = "200 OK") -> Script:
    """A server of one document."""
    return sends(plain(status, body))


CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"
CASES: dict[str, tuple[Script, dict[str, object], Outcome, Reason | None]] = {
    "a page without incidents": (served(page()), {}, Outcome.OK, None),
    "a web page": (served(b"<html>login</html>"), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "empty": (served(b""), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "a list": (served(b"[]"), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "no status": (served(b'{"incidents": []}'), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "no incidents": (served(b'{"status": {"indicator": "none"}}'), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "nested too deeply": (served(b"[" * 100_000), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "too large": (served(b" " * (2 * 1024 * 1024) + page()), {}, Outcome.FAILED, Reason.BAD_STREAM),
    "404": (served(b"", "404 Not Found"), {}, Outcome.FAILED, Reason.MODEL_NOT_FOUND),
    "503": (served(b"", "503 Service Unavailable"), {}, Outcome.FAILED, Reason.NO_CAPACITY),
    "a redirect": (served(b"", "302 Found"), {}, Outcome.FAILED, Reason.HTTP_UNEXPECTED),
    "hanging": (hangs, {"timeout": "200ms"}, Outcome.FAILED, Reason.TOTAL_TIMEOUT),
    "cut": (sends(CUT), {}, Outcome.FAILED, Reason.CONNECTION_LOST),
    "reset": (resets(), {}, Outcome.FAILED, Reason.CONNECTION_LOST),
}


@pytest.mark.parametrize("name", CASES)
async def test_whatever_a_server_does_has_its_name(name: str) -> None:
    """A result, never an exception."""
    script, module, outcome, reason = CASES[name]
    seen = await seen_of(script, **module)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail
    assert not seen.samples


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.sampled_from(["none", "2026-11-24T10:00:00Z"]),
    lambda inside: st.lists(inside) | st.dictionaries(
        st.sampled_from(["status", "indicator", "incidents", "id", "created_at", "updated_at", "resolved_at", "name"])
        | st.text(), inside
    ),
)  # fmt: skip


@given(first=st.binary() | json_values.map(orjson.dumps), second=json_values)
def test_any_document_is_read_or_refused_by_name(first: bytes, second: Any) -> None:
    """And what is read can be stored."""
    for one, other in ((first, page(second)), (page(), orjson.dumps({"incidents": second}))):
        try:
            found = status_document(one, other)
        except UnreadableError:
            continue
        assert all(abs(value) < 1e12 for value in found.figures().values())
        assert len(found.samples(NOW)) <= 2 * KEPT_MAX


def test_it_serves_nobody_and_pages_nobody() -> None:
    """Ten failures in a row open nothing: a page that is away is no outage."""
    assert "status_page" not in SERVING_KINDS
    assert (paged("status_page"), paged("chat_stream") > 0) == (0, True)


def test_the_collector_reads_the_series_that_the_probes_write() -> None:
    """By the same names."""
    assert (read.POST, read.POST_ENDED) == (correlation_queries.POST, correlation_queries.POST_ENDED)
    assert tls_handshake.SERIES == correlation_queries.ENDPOINT
