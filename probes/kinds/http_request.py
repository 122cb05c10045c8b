"""`http_request`: one plain HTTP request; good is an allowed status, the expected words, and in time."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from probes.contract import Ask, Finding
from probes.exchange import Exchange, exchanged
from probes.failure import detail_of, error_text, reason_of_status
from schemas.config import Expect, Module
from schemas.observation import Outcome, Reason, Timings
from schemas.quantity import DurationS


class HttpRequestModule(Module):
    """One plain HTTP request."""

    kind: Literal["http_request"]
    timeout: DurationS = 10.0
    method: Literal["GET", "HEAD", "POST"] = "GET"
    path: str = ""
    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = (200,)
    expect: Expect = Expect()
    total_objective: DurationS | None = None


async def http_request(ask: Ask) -> Finding:
    """Send one request and say what became of it."""
    module = ask.subject.module
    assert isinstance(module, HttpRequestModule)
    url = ask.subject.place.target.url.rstrip("/") + (f"/{module.path.lstrip('/')}" if module.path else "")
    answer = await exchanged(ask, module.method, url, headers={"X-Request-Id": ask.nonce})
    return answer if isinstance(answer, Finding) else judged(answer, module, ask)


def judged(exchange: Exchange, module: HttpRequestModule, ask: Ask) -> Finding:
    """The finding of an answered request."""
    content, phases = exchange.body.content, exchange.phases
    timings = phases.timings(stream_end_at=exchange.body.end)
    outcome, reason, detail = _reason(exchange, content, module, timings)
    found = Finding(
        outcome=outcome, reason=reason, detail=detail_of(detail, ask.subject.bearer), http_status=exchange.status,
        timings=timings, instrument=phases.instrument(), bytes_in=exchange.body.size,
    )  # fmt: skip
    return replace(found, answer_digest=hashlib.sha256(content).hexdigest()[:16]) if content else found


def _reason(
    exchange: Exchange, content: bytes, module: HttpRequestModule, timings: Timings
) -> tuple[Outcome, Reason | None, str]:
    if exchange.status not in module.status:
        return Outcome.FAILED, reason_of_status(exchange.status), f"HTTP {exchange.status}: {error_text(content)}"
    if exchange.unread is not None:
        return Outcome.FAILED, exchange.unread, exchange.body.ending.value
    wanted = module.expect.contains
    if wanted is not None and wanted.encode() not in content:
        return Outcome.DEGRADED, Reason.WRONG_CONTENT, f"the answer does not contain {wanted!r}"
    objective, total = module.total_objective, timings.total_ms
    if objective is not None and total is not None and total > objective * 1000:
        return Outcome.DEGRADED, Reason.SLOW, f"answered after {total:.0f} ms (objective {objective:g} s)"
    return Outcome.OK, None, ""
