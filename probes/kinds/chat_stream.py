"""
`chat_stream`: OpenAI-compatible chat completions over server-sent events, with usage.

First token is the first content; a role chunk is only the first byte. An answer is complete with a finish reason or the
end marker `[DONE]`. What each broken stream must be called stands in docs/probes/chat_stream.md.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from probes.contract import Ask, Finding, Subject
from probes.failure import (
    SERVER_ERRORS,
    detail_of,
    error_text,
    message_in,
    printable,
    reason_of_error,
    reason_of_message,
    reason_of_status,
    said,
)
from probes.phases import Phases
from probes.server_sent_events import events
from probes.stream_reader import Body, Ending, read_body
from schemas.clock import Clock
from schemas.config import Expect, Module
from schemas.observation import Outcome, Reason, Tokens
from schemas.quantity import DurationS

CONNECT_S_MAX = 10.0
ERROR_BODY_S = 1.0
TOPICS = ("rivers", "bridges", "lighthouses", "maps", "clocks", "harbours", "orchards", "weather", "glass", "trains")


class ChatStreamModule(Module):
    """OpenAI-compatible chat completions over SSE."""

    kind: Literal["chat_stream"]
    ttft_timeout: DurationS = 15.0
    stall_timeout: DurationS = 10.0
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 64
    max_tokens_min: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="lower end when the length varies per tick (token arithmetic needs varied lengths)"
    )
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    ttft_objective: DurationS | None = Field(default=None, description="slower than this is degraded, `slow`")
    expect: Expect = Expect()

    @property
    def hang_s(self) -> float:
        """No first token."""
        return min(self.ttft_timeout, self.timeout)

    @property
    def tokens_out(self) -> float:
        """The mean of the lengths asked for."""
        return (self.max_tokens + (self.max_tokens_min or self.max_tokens)) / 2


@dataclass(slots=True)
class Answer:
    """What a closed stream said. *arrivals* are the instants (s) of content; *error* is the server's own words."""

    text: list[str] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    reasoning_at: float | None = None
    finish_reason: str = ""
    done: bool = False
    id: str = ""
    billed_in: int | None = None
    billed_out: int | None = None
    error: str | None = None
    broken: str | None = None
    events: int = 0


async def chat_stream(ask: Ask) -> Finding:
    """Send one chat completion and say what became of it."""
    subject, nonce, clock = ask.subject, ask.nonce, ask.clock
    module, target = subject.module, subject.place.target
    assert isinstance(module, ChatStreamModule)
    phases = Phases(clock)
    deadline = phases.start + module.timeout
    try:
        async with asyncio.timeout(min(CONNECT_S_MAX, module.timeout)) as patience:
            loop = asyncio.get_running_loop()
            phases.on_sent = lambda: patience.reschedule(
                loop.time() + min(module.ttft_timeout, deadline - clock.monotonic())
            )
            response = await ask.connections.request(
                "POST",
                f"{target.url.rstrip('/')}/chat/completions",
                target,
                headers={"Accept": "text/event-stream"},
                phases=phases,
                json=request_body(target.model, module, nonce),
                warm=ask.warm,
            )
    except SERVER_ERRORS as error:
        phases.finish()
        reason = reason_of_error(error, phases)
        return _failed(reason, said(error) or _waited(reason, module), subject, phases)
    try:
        return await _answered(response, subject, nonce, phases, deadline, clock)
    finally:
        response.close()


def request_body(model: str, module: ChatStreamModule, nonce: str) -> dict[str, Any]:
    """The request: a prompt that no cache has seen, and a length that varies when the module says so."""
    seed = int(hashlib.sha256(nonce.encode()).hexdigest()[:12], 16)
    shortest = module.max_tokens if module.max_tokens_min is None else min(module.max_tokens_min, module.max_tokens)
    length = shortest + seed % (module.max_tokens - shortest + 1)
    topic = TOPICS[seed // 1009 % len(TOPICS)]
    prompt = f"nonce={nonce}. Begin your answer with the nonce, then write about {topic} in {length} words."
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": length,
        "temperature": module.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def _answered(
    response: Any, subject: Subject, nonce: str, phases: Phases, deadline: float, clock: Clock
) -> Finding:
    module = subject.module
    assert isinstance(module, ChatStreamModule)
    if response.status != 200:
        body = await read_body(
            response, phases, first_s=ERROR_BODY_S, stall_s=ERROR_BODY_S, deadline=clock.monotonic() + ERROR_BODY_S
        )
        words = f"HTTP {response.status}: {error_text(body.content)}"
        return replace(
            _failed(reason_of_status(response.status), words, subject, phases),
            http_status=response.status,
            bytes_in=body.size,
        )
    first_s = module.ttft_timeout if phases.sent is None else module.ttft_timeout - (clock.monotonic() - phases.sent)
    body = await read_body(response, phases, first_s=first_s, stall_s=module.stall_timeout, deadline=deadline)
    return judged(body, read_answer(body), subject, nonce, phases)


def read_answer(body: Body) -> Answer:
    """What the stream in *body* says, as far as it can be read; reading ends at the first error or broken event."""
    answer = Answer()
    for event in events(body):
        answer.events += 1
        if event.data.strip() == b"[DONE]":
            answer.done = True
            break
        try:
            value = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            if event.closed:
                answer.broken = f"not JSON: {event.data[:80].decode(errors='replace')!r}"
            break
        message = message_in(value)
        if message is not None or event.kind == "error":
            answer.error = message or event.data[:200].decode(errors="replace")
            break
        if not isinstance(value, dict):
            answer.broken = f"not an object: {event.data[:80].decode(errors='replace')!r}"
            break
        _take(answer, value, event.at)
    return answer


def _take(answer: Answer, value: dict[str, Any], at: float) -> None:
    """Add one chunk of the stream; fields of a wrong type are left out."""
    if isinstance(identity := value.get("id"), str):
        answer.id = answer.id or printable(identity[:200])
    if isinstance(usage := value.get("usage"), dict):
        answer.billed_in = _count(usage.get("prompt_tokens"), answer.billed_in)
        answer.billed_out = _count(usage.get("completion_tokens"), answer.billed_out)
    choices = value.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return
    delta = choice.get("delta")
    if isinstance(delta, dict):
        if isinstance(content := delta.get("content"), str) and content:
            answer.text.append(content)
            answer.arrivals.append(at)
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if reasoning and answer.reasoning_at is None:
            answer.reasoning_at = at
    if isinstance(finish := choice.get("finish_reason"), str):
        answer.finish_reason = printable(finish[:40])


def judged(body: Body, answer: Answer, subject: Subject, nonce: str, phases: Phases) -> Finding:
    """The finding of a response with status 200, by what it said and how it ended."""
    module = subject.module
    assert isinstance(module, ChatStreamModule)
    text = "".join(answer.text)
    timings = phases.timings(answer.arrivals, reasoning=answer.reasoning_at, stream_end=body.end)
    outcome, reason, detail = Outcome.FAILED, *_broken(body, answer, module)
    if reason is None:
        outcome, reason, detail = _content(text, answer, nonce, module, timings.first_token_ms)
    return Finding(
        outcome=outcome,
        reason=reason,
        detail=detail_of(detail, subject.bearer),
        http_status=200,
        timings=timings,
        instrument=phases.instrument(answer.arrivals),
        tokens=_tokens(answer, text, subject),
        bytes_in=body.size,
        finish_reason=answer.finish_reason,
        answer_digest=_digest(text.replace(nonce, "")) if text else "",
        server_request_id=answer.id,
    )


def _broken(body: Body, answer: Answer, module: ChatStreamModule) -> tuple[Reason | None, str]:
    """Why the stream is not a complete answer; None when it is."""
    if answer.error is not None:
        return reason_of_message(answer.error), f"error in the stream: {answer.error}"
    if answer.broken is not None:
        return Reason.BAD_STREAM, answer.broken
    complete = answer.finish_reason or answer.done
    if body.ending is not Ending.EOF and not complete:
        return _cut(body.ending, answer, module)
    if answer.events == 0:
        return _no_events(body)
    if not complete:
        return Reason.TRUNCATED, f"the stream ended after {len(answer.arrivals)} chunks, without a finish reason"
    if not answer.text:
        what = "only reasoning" if answer.reasoning_at is not None else "no content"
        return Reason.EMPTY, f"a complete answer with {what}"
    return None, ""


def _cut(ending: Ending, answer: Answer, module: ChatStreamModule) -> tuple[Reason, str]:
    tokens = f"after {len(answer.arrivals)} chunks"
    match ending:
        case Ending.STALLED if answer.arrivals:
            return Reason.STALLED, f"no bytes for {module.stall_timeout:g} s {tokens}"
        case Ending.TIMEOUT if answer.arrivals:
            return Reason.TOTAL_TIMEOUT, f"not finished within {module.timeout:g} s, {tokens}"
        case Ending.STALLED | Ending.TIMEOUT:
            return Reason.TTFT_TIMEOUT, f"no token within {module.ttft_timeout:g} s of the request"
        case Ending.TOO_LARGE:
            return Reason.ANSWER_TOO_LARGE, "the body grew over its limit"
        case Ending.UNDECODABLE:
            return Reason.BAD_STREAM, "its content encoding could not be undone"
        case _:
            return Reason.CONNECTION_LOST, f"the connection was lost {tokens}"


def _no_events(body: Body) -> tuple[Reason, str]:
    """A body with status 200 that is no event stream: nothing, an error object, or something else."""
    content = body.content.strip()
    if not content:
        return Reason.EMPTY, "an empty body"
    try:
        message = message_in(orjson.loads(content))
    except orjson.JSONDecodeError:
        message = None
    if message is not None:
        return reason_of_message(message), f"error with status 200: {message}"
    return Reason.BAD_STREAM, f"not an event stream: {content[:80].decode(errors='replace')!r}"


def _content(
    text: str, answer: Answer, nonce: str, module: ChatStreamModule, first_token_ms: float | None
) -> tuple[Outcome, Reason | None, str]:
    """Whether a complete answer is right and in time."""
    if module.expect.echo_nonce and nonce not in text:
        return Outcome.DEGRADED, Reason.WRONG_CONTENT, f"the nonce is not in the answer ({len(text)} characters)"
    if module.expect.contains is not None and module.expect.contains not in text:
        return Outcome.DEGRADED, Reason.WRONG_CONTENT, f"the answer does not contain {module.expect.contains!r}"
    objective = module.ttft_objective
    if objective is not None and first_token_ms is not None and first_token_ms > objective * 1000:
        return Outcome.DEGRADED, Reason.SLOW, f"first token after {first_token_ms:.0f} ms (objective {objective:g} s)"
    return Outcome.OK, None, ""


def _tokens(answer: Answer, text: str, subject: Subject) -> Tokens:
    by = subject.place.target.count_by
    counted = len(text.split()) if by == "words" else len(answer.arrivals)
    return Tokens(answer.billed_in, answer.billed_out, counted, by, len(answer.arrivals))


def _count(value: object, otherwise: int | None) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if good and isinstance(value, int) else otherwise


def _digest(text: str) -> str:
    return hashlib.sha256(text.strip().encode(errors="replace")).hexdigest()[:16]


def _failed(reason: Reason, detail: str, subject: Subject, phases: Phases) -> Finding:
    return Finding(
        outcome=Outcome.FAILED,
        reason=reason,
        detail=detail_of(detail, subject.bearer),
        timings=phases.timings(),
        instrument=phases.instrument(),
    )


def _waited(reason: Reason, module: ChatStreamModule) -> str:
    if reason is Reason.TTFT_TIMEOUT:
        return f"no answer within {module.ttft_timeout:g} s of the request"
    if reason in {Reason.CONNECT_TIMEOUT, Reason.DNS_FAILED}:
        return f"not connected within {min(CONNECT_S_MAX, module.timeout):g} s"
    return ""
