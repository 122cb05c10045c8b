"""
Asks a model for a stream of tokens, in whatever protocol, and says what became of it.

While the stream is open nothing is done but stamping; the Dialect reads it after it has closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import aiohttp

from probes.answer import Answer, Dialect, digest_of, fault_of, tokens_of
from probes.answer_reading import reading
from probes.contract import Ask, Finding
from probes.exchange import failed
from probes.failure import SERVER_ERRORS, detail_of, error_text, reason_of_error, reason_of_status, said
from probes.phases import Phases
from probes.prompt import Prompt, length, short_prompt
from probes.stream_reader import Body, read_body
from probes.streaming_module import StreamingModule
from probes.token_count import counted
from schemas.observation import Outcome, Reason

CONNECT_S_MAX = 10.0
ERROR_BODY_S = 1.0
EVENTS_AT_ONCE = 16  # between two looks at the clock
READING_S = 0.0001  # between two turns of the loop, in which arrivals are read
NOTHING: Mapping[str, Any] = MappingProxyType({})

Check = Callable[[Answer], tuple[Reason | None, str]]  # what is wrong with a complete answer's content, with words


def _anything(_answer: Answer) -> tuple[Reason | None, str]:
    return None, ""


def module_of(ask: Ask) -> StreamingModule:
    """The settings, as those of a kind that streams."""
    module = ask.subject.module
    assert isinstance(module, StreamingModule)
    return module


def length_of(ask: Ask) -> int:
    """Tokens that the answer of one attempt may have; they vary when the module says so."""
    module = module_of(ask)
    return length(ask.nonce, module.shortest, module.max_tokens)


def prompt_of(ask: Ask) -> Prompt:
    """The short prompt of one attempt."""
    return short_prompt(ask.nonce, length_of(ask))


async def streamed(
    ask: Ask, dialect: Dialect, prompt: Prompt, *, extra: Mapping[str, Any] = NOTHING, check: Check = _anything
) -> Finding:
    """Ask *prompt*, with *extra* fields in the request; *check* looks at the content of a complete answer."""
    module, phases = module_of(ask), Phases(ask.clock)
    request = dialect.body(ask.subject.place.target.model, module, prompt) | dict(extra)
    try:
        response = await _requested(ask, dialect, request, phases)
    except SERVER_ERRORS as error:
        phases.finish()
        reason = reason_of_error(error, phases)
        return failed(ask, phases, reason, said(error) or _waited(reason, module))
    try:
        body = await _read(response, ask, phases)
    finally:
        response.close()
    if response.status != 200:
        return _refused(response.status, body, ask, phases)
    answer = await _read_in_turn(body, dialect, ask)
    found = judged(body, answer, ask, phases, check)
    return await counted(found, answer, prompt.text, prompt.max_tokens, ask.subject.place.target)


async def _requested(ask: Ask, dialect: Dialect, request: Mapping[str, Any], phases: Phases) -> aiohttp.ClientResponse:
    """Send the request; the response once its headers are there, within the limits of connecting and of the TTFT."""
    module, target, clock = module_of(ask), ask.subject.place.target, ask.clock
    deadline = phases.start + module.timeout
    async with asyncio.timeout(min(CONNECT_S_MAX, module.timeout)) as patience:
        loop = asyncio.get_running_loop()
        phases.on_sent = lambda: patience.reschedule(
            loop.time() + min(module.ttft_timeout, deadline - clock.monotonic())
        )
        return await ask.connections.request(
            "POST",
            target.url.rstrip("/") + dialect.path.replace("{model}", quote(target.model, safe="/:@")),
            target,
            headers={"Accept": "text/event-stream", **dialect.headers},
            phases=phases,
            json=request,
            warm=ask.warm,
        )


async def _read(response: aiohttp.ClientResponse, ask: Ask, phases: Phases) -> Body:
    """The body, stamped: a stream within the module's limits, an error's words within a second."""
    module, now = module_of(ask), ask.clock.monotonic()
    first_s, stall_s, deadline = module.ttft_timeout, module.stall_timeout, phases.start + module.timeout
    if phases.sent is not None:
        first_s -= now - phases.sent
    if response.status != 200:
        first_s, stall_s, deadline = ERROR_BODY_S, ERROR_BODY_S, now + ERROR_BODY_S
    return await read_body(response, phases, ask.turn, first_s=first_s, stall_s=stall_s, deadline=deadline)


async def _read_in_turn(body: Body, dialect: Dialect, ask: Ask) -> Answer:
    """What *body* said; one answer at a time and with pauses, so that open streams are not kept waiting."""
    answer, clock = Answer(), ask.clock
    async with ask.turn:
        begun = clock.monotonic()
        for step, _ in enumerate(reading(answer, body, dialect), start=1):
            if step % EVENTS_AT_ONCE == 0 and clock.monotonic() - begun >= READING_S:
                await clock.sleep(0)
                begun = clock.monotonic()
    return answer


def _refused(status: int, body: Body, ask: Ask, phases: Phases) -> Finding:
    """The finding of an answer that is not 200."""
    words = f"HTTP {status}: {error_text(body.content)}"
    found = failed(ask, phases, reason_of_status(status), words)
    return replace(found, http_status=status, bytes_in=body.size)


def judged(body: Body, answer: Answer, ask: Ask, phases: Phases, check: Check) -> Finding:
    """The finding of a response with status 200, by what it said and how it ended."""
    module = module_of(ask)
    timings = phases.timings(answer.arrivals, reasoning_at=answer.reasoning_at, stream_end_at=body.end)
    outcome, (reason, detail) = Outcome.FAILED, fault_of(body, answer, module)
    if reason is None:
        reason, detail = _shortcoming(answer, ask, timings.first_token_ms, check)
        outcome = Outcome.OK if reason is None else Outcome.DEGRADED
    return Finding(
        outcome=outcome,
        reason=reason,
        detail=detail_of(detail, ask.subject.bearer),
        http_status=200,
        timings=timings,
        instrument=phases.instrument(answer.arrivals),
        tokens=tokens_of(answer),
        bytes_in=body.size,
        finish_reason=answer.finish_reason,
        answer_digest=digest_of(answer.text, ask.nonce),
        server_request_id=answer.id,
        merged_first_at=phases.merged_first(answer.arrivals, body.end),
    )


def _shortcoming(answer: Answer, ask: Ask, first_token_ms: float | None, check: Check) -> tuple[Reason | None, str]:
    """Why a complete answer is degraded: not right, or not in time; None when it is neither."""
    module, text = module_of(ask), answer.text
    reason, detail = check(answer)
    if reason is not None:
        return reason, detail
    if module.expect.echo_nonce and ask.nonce not in text:
        return Reason.WRONG_CONTENT, f"the nonce is not in the answer ({len(text)} characters)"
    if module.expect.contains is not None and module.expect.contains not in text:
        return Reason.WRONG_CONTENT, f"the answer does not contain {module.expect.contains!r}"
    objective = module.ttft_objective
    if objective is not None and first_token_ms is not None and first_token_ms > objective * 1000:
        return Reason.SLOW, f"first token after {first_token_ms:.0f} ms (objective {objective:g} s)"
    return None, ""


def _waited(reason: Reason, module: StreamingModule) -> str:
    if reason is Reason.TTFT_TIMEOUT:
        return f"no answer within {module.hang_s:g} s of the request"
    if reason in {Reason.CONNECT_TIMEOUT, Reason.DNS_FAILED}:
        return f"not connected within {min(CONNECT_S_MAX, module.timeout):g} s"
    return ""
