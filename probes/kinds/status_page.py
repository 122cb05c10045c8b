"""`status_page`: what a provider says of itself on its status page, by Atlassian Statuspage's public API."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import StringConstraints

from probes.contract import Ask, Finding
from probes.exchange import Exchange, exchanged
from probes.failure import detail_of, error_text, reason_of_status
from probes.status_document import UnreadableError, status_document, words_of
from schemas.config import Module
from schemas.observation import Outcome, Reason
from schemas.quantity import DurationS


class StatusPageModule(Module):
    """A provider's status page."""

    kind: Literal["status_page"]
    interval: DurationS = 300.0
    timeout: DurationS = 10.0
    connection: Literal["cold"] = "cold"
    path: Annotated[str, StringConstraints(pattern=r"^(/[^\s?#]*)?$")] = "/api/v2"

    @property
    def hang_s(self) -> float:
        """How long a server that never answers keeps a probe waiting."""
        return 2 * self.timeout

    @property
    def requests(self) -> int:
        """Requests of one tick."""
        return 2


async def status_page(ask: Ask) -> Finding:
    """Read the page's two documents and say what they say."""
    module = ask.subject.module
    assert isinstance(module, StatusPageModule)
    root = ask.subject.place.target.url.rstrip("/") + module.path.rstrip("/")
    read: list[Exchange] = []
    for name in ("summary.json", "incidents.json"):
        answer = await exchanged(ask, "GET", f"{root}/{name}", headers={"Accept": "application/json"})
        if isinstance(answer, Finding):
            return answer
        if answer.status != 200 or answer.unread is not None:
            return _unread(answer, name, ask)
        read.append(answer)
    return await asyncio.to_thread(_judged, read[0], read[1], ask)  # a big document would hold the loop


def _unread(exchange: Exchange, name: str, ask: Ask) -> Finding:
    if exchange.status != 200:
        words = f"{name}: HTTP {exchange.status}: {error_text(exchange.body.content)}"
        return _finding(exchange, Outcome.FAILED, reason_of_status(exchange.status), words, ask)
    return _finding(exchange, Outcome.FAILED, exchange.unread, f"{name}: {exchange.body.ending.value}", ask)


def _judged(summary: Exchange, incidents: Exchange, ask: Ask) -> Finding:
    try:
        found = status_document(summary.body.content, incidents.body.content)
    except UnreadableError as error:
        return _finding(incidents, Outcome.FAILED, Reason.BAD_STREAM, str(error), ask)
    made = _finding(incidents, Outcome.OK, None, words_of(found), ask)
    return replace(made, figures=found.figures(), samples=found.samples(ask.clock.now()))


def _finding(exchange: Exchange, outcome: Outcome, reason: Reason | None, detail: str, ask: Ask) -> Finding:
    """Timings are those of the last document that was asked for."""
    return Finding(
        outcome=outcome,
        reason=reason,
        detail=detail_of(detail, ask.subject.bearer),
        http_status=exchange.status,
        timings=exchange.phases.timings(stream_end_at=exchange.body.end),
        instrument=exchange.phases.instrument(),
        bytes_in=exchange.body.size,
    )
