"""`engine_metrics`: the engine's own counters, or its GPUs', from a page in Prometheus' text format."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import StringConstraints

from probes.contract import Ask, Finding, Subject
from probes.engine_series import NAMES, figures_of
from probes.exposition import PAGE_BYTES_MAX, read_page
from probes.failure import SERVER_ERRORS, detail_of, error_text, reason_of_error, reason_of_status, said
from probes.phases import CURRENT, Phases
from probes.stream_reader import Body, Ending, read_body
from schemas.config import Module
from schemas.observation import Outcome, Reason
from schemas.quantity import DurationS

ENDINGS = {
    Ending.LOST: Reason.CONNECTION_LOST,
    Ending.STALLED: Reason.TOTAL_TIMEOUT,
    Ending.TIMEOUT: Reason.TOTAL_TIMEOUT,
    Ending.TOO_LARGE: Reason.ANSWER_TOO_LARGE,
    Ending.UNDECODABLE: Reason.BAD_STREAM,
}


class EngineMetricsModule(Module):
    """An engine's, or its GPUs', page of metrics."""

    kind: Literal["engine_metrics"]
    timeout: DurationS = 10.0
    connection: Literal["cold"] = "cold"
    path: Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$")] = "/metrics"


async def engine_metrics(ask: Ask) -> Finding:
    """Read the page once and say what it says."""
    phases = Phases(ask.clock)
    answered = await _scraped(ask, phases)
    if isinstance(answered, Finding):
        return answered
    status, body = answered
    phases.mark("end")
    return await asyncio.to_thread(judged, status, body, ask.subject, phases)  # a big page would hold the loop


def page_url(url: str, path: str) -> str:
    """Where the page is: *path* from the root of the server that *url* is on."""
    return urlsplit(url)._replace(path=path).geturl()


async def _scraped(ask: Ask, phases: Phases) -> tuple[int, Body] | Finding:
    """The answer's status and body, or what became of the request instead."""
    subject, module = ask.subject, ask.subject.module
    assert isinstance(module, EngineMetricsModule)
    CURRENT.set(phases)
    target, deadline = subject.place.target, phases.start + module.timeout
    try:
        async with asyncio.timeout(module.timeout):
            response = await ask.connections.request(
                "GET", page_url(target.url, module.path), target, headers={"Accept": "text/plain"}, phases=phases
            )
    except SERVER_ERRORS as error:
        phases.mark("end")
        reason = reason_of_error(error, phases)
        late = f"no answer within {module.timeout:g} s" if isinstance(error, TimeoutError) else ""
        return Finding(
            outcome=Outcome.FAILED,
            reason=Reason.TOTAL_TIMEOUT if reason is Reason.TTFT_TIMEOUT else reason,
            detail=detail_of(said(error) or late, subject.bearer),
            timings=phases.timings(),
        )
    phases.mark("first_byte")
    try:
        left_s = module.timeout
        return response.status, await read_body(response, ask.clock, first_s=left_s, stall_s=left_s, deadline=deadline)
    finally:
        response.close()


def judged(status: int, body: Body, subject: Subject, phases: Phases) -> Finding:
    """The finding of an answered request."""
    outcome, reason, detail, figures = _read(status, body)
    return Finding(
        outcome=outcome, reason=reason, detail=detail_of(detail, subject.bearer), http_status=status,
        timings=phases.timings(), figures=figures, bytes_in=body.size,
    )  # fmt: skip


def _read(status: int, body: Body) -> tuple[Outcome, Reason | None, str, dict[str, float]]:
    page = body.join()
    if status != 200:
        return Outcome.FAILED, reason_of_status(status), f"HTTP {status}: {error_text(page)}", {}
    if body.ending is not Ending.EOF:
        return Outcome.FAILED, ENDINGS[body.ending], body.ending.value, {}
    if len(page) > PAGE_BYTES_MAX:
        return Outcome.FAILED, Reason.ANSWER_TOO_LARGE, f"a page of {len(page)} bytes", {}
    if not page.strip():
        return Outcome.FAILED, Reason.EMPTY, "an empty page", {}
    found = read_page(page, NAMES)
    if found.broken:
        return Outcome.FAILED, Reason.BAD_STREAM, found.broken, {}
    figures = figures_of(found.samples)
    return Outcome.OK, None, "" if figures else "no series of an engine or exporter that is known", figures
