"""`engine_metrics`: the engine's own counters, or its GPUs', from a page in Prometheus' text format."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import StringConstraints

from probes.contract import Ask, Finding, Subject
from probes.engine_series import NAMES, figures_of
from probes.exchange import Exchange, exchanged
from probes.exposition import PAGE_BYTES_MAX, read_page
from probes.failure import detail_of, error_text, reason_of_status
from schemas.config import Module
from schemas.observation import Outcome, Reason
from schemas.quantity import DurationS


class EngineMetricsModule(Module):
    """An engine's, or its GPUs', page of metrics."""

    kind: Literal["engine_metrics"]
    timeout: DurationS = 10.0
    connection: Literal["cold"] = "cold"
    path: Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$")] = "/metrics"


async def engine_metrics(ask: Ask) -> Finding:
    """Read the page once and say what it says."""
    module = ask.subject.module
    assert isinstance(module, EngineMetricsModule)
    url = page_url(ask.subject.place.target.url, module.path)
    answer = await exchanged(ask, "GET", url, headers={"Accept": "text/plain"})
    if isinstance(answer, Finding):
        return answer
    return await asyncio.to_thread(judged, answer, ask.subject)  # a big page would hold the loop


def page_url(url: str, path: str) -> str:
    """Where the page is: *path* from the root of the server that *url* is on."""
    return urlsplit(url)._replace(path=path).geturl()


def judged(exchange: Exchange, subject: Subject) -> Finding:
    """The finding of an answered request."""
    outcome, reason, detail, figures = _read(exchange)
    return Finding(
        outcome=outcome,
        reason=reason,
        detail=detail_of(detail, subject.bearer),
        http_status=exchange.status,
        timings=exchange.phases.timings(stream_end_at=exchange.body.end),
        instrument=exchange.phases.instrument(),
        figures=figures,
        bytes_in=exchange.body.size,
    )


def _read(exchange: Exchange) -> tuple[Outcome, Reason | None, str, dict[str, float]]:
    page = exchange.body.content
    if exchange.status != 200:
        return Outcome.FAILED, reason_of_status(exchange.status), f"HTTP {exchange.status}: {error_text(page)}", {}
    if exchange.unread is not None:
        return Outcome.FAILED, exchange.unread, exchange.body.ending.value, {}
    if len(page) > PAGE_BYTES_MAX:
        return Outcome.FAILED, Reason.ANSWER_TOO_LARGE, f"a page of {len(page)} bytes", {}
    if not page.strip():
        return Outcome.FAILED, Reason.EMPTY, "an empty page", {}
    found = read_page(page, NAMES)
    if found.broken:
        return Outcome.FAILED, Reason.BAD_STREAM, found.broken, {}
    figures = figures_of(found.samples)
    return Outcome.OK, None, "" if figures else "no series of an engine or exporter that is known", figures
