"""
What a closed stream said, and whether it is a complete answer.

A Dialect says how a protocol puts an answer into events; all else is the same for every protocol. One event is one
chunk, whatever it holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson

from probes.failure import message_in, printable, reason_of_message
from probes.json_path import objects
from probes.prompt import Prompt
from probes.stream_reader import Body, Ending
from probes.streaming_module import StreamingModule
from schemas.observation import Reason, Tokens

ID_CHARS_MAX = 200
FINISH_CHARS_MAX = 40
ROUNDING = 1e-3  # by which a logprob may be above 0
LOGPROB_MIN = -100.0  # engines write -9999 for a token that cannot come


@dataclass(slots=True)
class Call:
    """A tool call, as far as it was streamed."""

    name: str = ""
    fragments: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """The fragments joined."""
        return "".join(self.fragments)


@dataclass(slots=True)
class Answer:
    """
    What was said. *arrivals* are the instants (s) of events with content; *error* is the server's own words.

    A Dialect fills it through the methods, which leave out whatever has a wrong type.
    """

    texts: list[str] = field(default_factory=list)
    calls: dict[int, Call] = field(default_factory=dict)
    pieces: int = 0  # of content: texts and fragments of calls
    thoughts: int = 0  # pieces of reasoning
    arrivals: list[float] = field(default_factory=list)
    reasoning_at: float | None = None
    finish_reason: str = ""
    done: bool = False  # the protocol's own end marker came
    eof_completes: bool = False  # the protocol has no other end than the end of the body
    cut: bool = False  # the stream ended within an event
    id: str = ""
    billed_in: int | None = None
    billed_out: int | None = None
    cached_in: int | None = None  # of the prompt's tokens, those that a cache had
    likeliest: tuple[tuple[str, float], ...] = ()  # tokens that the first might have been, with their logprobs
    error: str | None = None
    broken: str | None = None
    events: int = 0

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.texts)

    def say(self, text: object) -> None:
        """Add a piece of the answer's text."""
        if isinstance(text, str) and text:
            self.texts.append(text)
            self.pieces += 1

    def think(self, text: object) -> None:
        """Note a piece of reasoning; it is not kept."""
        if isinstance(text, str) and text:
            self.thoughts += 1

    def call(self, index: object, name: object, arguments: object) -> None:
        """Add a fragment of the tool call *index*."""
        call = self.calls.setdefault(index if isinstance(index, int) else 0, Call())
        if isinstance(name, str) and name:
            call.name += name
            self.pieces += 1
        if isinstance(arguments, str) and arguments:
            call.fragments.append(arguments)
            self.pieces += 1

    def finish(self, reason: object) -> None:
        """Note why it ended."""
        if isinstance(reason, str):
            self.finish_reason = printable(reason[:FINISH_CHARS_MAX])

    def identify(self, identity: object) -> None:
        """Note the server's name for the request; the first counts."""
        if not self.id and isinstance(identity, str):
            self.id = printable(identity[:ID_CHARS_MAX])

    def bill(self, prompt: object, completion: object) -> None:
        """Note the tokens of the usage; the last that make sense count."""
        self.billed_in = count(prompt, self.billed_in)
        self.billed_out = count(completion, self.billed_out)

    def cached(self, prompt: object) -> None:
        """Note how much of the prompt came from a cache, as the usage says."""
        self.cached_in = count(prompt, self.cached_in)

    def weigh(self, tokens: object) -> None:
        """Note the list of the likeliest tokens, likeliest first; of several lists the first counts."""
        if not self.likeliest:
            pairs = ((one.get("token"), logprob(one.get("logprob"))) for one in objects(tokens))
            found = [(token, value) for token, value in pairs if isinstance(token, str) and value is not None]
            self.likeliest = tuple(sorted(found, key=lambda pair: -pair[1]))


def _no_headers() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    How one protocol asks and answers.

    path: joined to the target's URL, `{model}` is the model's name. body: the request, of (model, module, prompt).
    take: adds one event's JSON object to the Answer, and with it what completes one: a finish reason, `done`, or
    `eof_completes`.
    """

    path: str
    body: Callable[[str, StreamingModule, Prompt], dict[str, Any]]
    take: Callable[[Answer, dict[str, Any]], None]
    headers: Mapping[str, str] = field(default_factory=_no_headers)


def fault_of(body: Body, answer: Answer, module: StreamingModule) -> tuple[Reason | None, str]:
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
    if not complete and (answer.cut or not answer.eof_completes):
        return Reason.TRUNCATED, f"the stream ended after {len(answer.arrivals)} chunks, without a finish reason"
    if not answer.pieces:
        what = "only reasoning" if answer.thoughts else "no content"
        return Reason.EMPTY, f"a complete answer with {what}"
    return None, ""


def tokens_of(answer: Answer) -> Tokens:
    """Tokens as billed, and chunks, which are their lower bound: one may hold several."""
    chunks = len(answer.arrivals)
    return Tokens(answer.billed_in, answer.billed_out, chunks, "chunks", chunks)


def digest_of(text: str, nonce: str) -> str:
    """16 hex digits that tell a repeated answer, with the nonce left out of it; empty without text."""
    return hashlib.sha256(text.replace(nonce, "").strip().encode(errors="replace")).hexdigest()[:16] if text else ""


def count(value: object, otherwise: int | None = None) -> int | None:
    """*value* when it is a number of tokens that can be true; else *otherwise*."""
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if good and isinstance(value, int) else otherwise


def logprob(value: object) -> float | None:
    """*value* when it is the logarithm of a probability that can be seen; None when not."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and LOGPROB_MIN < value <= ROUNDING
    return min(float(value), 0.0) if good and isinstance(value, int | float) else None


def _cut(ending: Ending, answer: Answer, module: StreamingModule) -> tuple[Reason, str]:
    tokens = f"after {len(answer.arrivals)} chunks"
    match ending:
        case Ending.STALLED if answer.arrivals:
            return Reason.STALLED, f"no bytes for {module.stall_timeout:g} s {tokens}"
        case Ending.TIMEOUT if answer.arrivals:
            return Reason.TOTAL_TIMEOUT, f"not finished within {module.timeout:g} s, {tokens}"
        case Ending.STALLED | Ending.TIMEOUT:
            return Reason.TTFT_TIMEOUT, f"no token within {module.hang_s:g} s of the request"
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
    return Reason.BAD_STREAM, f"not an event stream: {beginning(content)}"


def beginning(data: bytes) -> str:
    """The first bytes, to be shown."""
    return repr(data[:80].decode(errors="replace"))
