"""`http_request`: one plain HTTP request; good is an allowed status, the expected words, and in time."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from probes.contract import Ask, Finding, Subject
from probes.failure import SERVER_ERRORS, detail_of, error_text, reason_of_error, reason_of_status, said
from probes.phases import Phases
from probes.stream_reader import Body, Ending, read_body
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
    subject, nonce, clock = ask.subject, ask.nonce, ask.clock
    module, target = subject.module, subject.place.target
    assert isinstance(module, HttpRequestModule)
    phases = Phases(clock)
    deadline = phases.start + module.timeout
    url = target.url.rstrip("/") + (f"/{module.path.lstrip('/')}" if module.path else "")
    try:
        async with asyncio.timeout(module.timeout):
            response = await ask.connections.request(
                module.method, url, target, headers={"X-Request-Id": nonce}, phases=phases, warm=ask.warm
            )
    except SERVER_ERRORS as error:
        phases.finish()
        reason = reason_of_error(error, phases)
        late = f"no answer within {module.timeout:g} s" if isinstance(error, TimeoutError) else ""
        return Finding(
            outcome=Outcome.FAILED,
            reason=Reason.TOTAL_TIMEOUT if reason is Reason.TTFT_TIMEOUT else reason,
            detail=detail_of(said(error) or late, subject.bearer),
            timings=phases.timings(),
            instrument=phases.instrument(),
        )
    try:
        body = await read_body(response, phases, first_s=module.timeout, stall_s=module.timeout, deadline=deadline)
    finally:
        response.close()
    return replace(
        judged(response.status, body, module, subject, phases.timings(stream_end=body.end)),
        instrument=phases.instrument(),
    )


def judged(status: int, body: Body, module: HttpRequestModule, subject: Subject, timings: Timings) -> Finding:
    """The finding of an answered request."""
    content = body.content
    outcome, reason, detail = _reason(status, body.ending, content, module, timings)
    found = Finding(
        outcome=outcome, reason=reason, detail=detail_of(detail, subject.bearer), http_status=status,
        timings=timings, bytes_in=body.size,
    )  # fmt: skip
    return replace(found, answer_digest=hashlib.sha256(content).hexdigest()[:16]) if content else found


def _reason(
    status: int, ending: Ending, content: bytes, module: HttpRequestModule, timings: Timings
) -> tuple[Outcome, Reason | None, str]:
    if status not in module.status:
        reason = reason_of_status(status)
        return Outcome.FAILED, reason, f"HTTP {status}: {error_text(content)}"
    if ending is not Ending.EOF:
        reasons = {
            Ending.LOST: Reason.CONNECTION_LOST,
            Ending.TOO_LARGE: Reason.ANSWER_TOO_LARGE,
            Ending.UNDECODABLE: Reason.BAD_STREAM,
        }
        return Outcome.FAILED, reasons.get(ending, Reason.TOTAL_TIMEOUT), ending.value
    wanted = module.expect.contains
    if wanted is not None and wanted.encode() not in content:
        return Outcome.DEGRADED, Reason.WRONG_CONTENT, f"the answer does not contain {wanted!r}"
    objective, total = module.total_objective, timings.total_ms
    if objective is not None and total is not None and total > objective * 1000:
        return Outcome.DEGRADED, Reason.SLOW, f"answered after {total:.0f} ms (objective {objective:g} s)"
    return Outcome.OK, None, ""
