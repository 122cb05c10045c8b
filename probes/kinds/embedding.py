"""
`embedding`: two different inputs to an OpenAI-compatible embeddings endpoint, in one request.

Good are two vectors of finite numbers, of one length, neither of them zero, and not the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field

from probes.answer import count
from probes.contract import Ask, Finding
from probes.exchange import Exchange, exchanged
from probes.failure import detail_of, error_text, message_in, reason_of_message, reason_of_status
from probes.json_path import found, objects
from probes.prompt import short_prompt
from probes.token_count import counted_prompts
from schemas.config import Module
from schemas.observation import Outcome, Reason, Timings, Tokens
from schemas.quantity import DurationS

WORDS = 16


class EmbeddingModule(Module):
    """Two inputs to an OpenAI-compatible embeddings endpoint."""

    kind: Literal["embedding"]
    dimensions: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="how long a vector must be; without it, both must be equally long"
    )
    total_objective: DurationS | None = Field(default=None, description="a later answer is degraded, `slow`")

    @property
    def tokens_out(self) -> float:
        """A model is asked, and says no tokens."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the answer was worth."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""


async def embedding(ask: Ask) -> Finding:
    """Ask for two vectors and say what became of it."""
    target = ask.subject.place.target
    inputs = [short_prompt(nonce, WORDS).text for nonce in (ask.nonce, ask.nonce[::-1])]
    request = {"model": target.model, "input": inputs, "encoding_format": "float"}
    answer = await exchanged(ask, "POST", f"{target.url.rstrip('/')}/embeddings", headers={}, json=request)
    return answer if isinstance(answer, Finding) else await counted_prompts(judged(answer, ask), inputs, target)


def judged(exchange: Exchange, ask: Ask) -> Finding:
    """The finding of an answered request."""
    module = ask.subject.module
    assert isinstance(module, EmbeddingModule)
    value, timings = _parsed(exchange.body.content), exchange.phases.timings()
    vectors = [item.get("embedding") for item in objects(found(value, "data"))]
    verdict = _broken(exchange, value, vectors) or _worth(vectors, module, timings)
    return Finding(
        outcome=verdict.outcome,
        reason=verdict.reason,
        detail=detail_of(verdict.detail, ask.subject.bearer),
        http_status=exchange.status,
        timings=timings,
        tokens=Tokens(billed_in=count(found(value, "usage", "prompt_tokens"))),
        figures=figures(vectors),
        bytes_in=exchange.body.size,
    )


def figures(vectors: Sequence[Any]) -> dict[str, float]:
    """Length and norm of the first vector, and the cosine of the two; only what can be computed."""
    if not vectors or not finite(vectors[0]):
        return {}
    norm = math.hypot(*vectors[0])
    known = {"dimensions": float(len(vectors[0]))} | ({"norm": norm} if norm < math.inf else {})
    if len(vectors) < 2 or not finite(vectors[1]) or len(vectors[1]) != len(vectors[0]):
        return known
    scale = norm * math.hypot(*vectors[1])
    product = sum(one * other for one, other in zip(vectors[0], vectors[1], strict=True))
    return known | {"cosine": product / scale} if 0 < scale < math.inf else known


def finite(vector: object) -> bool:
    """Whether it is a list of finite numbers, and not empty."""
    return (
        isinstance(vector, list)
        and bool(vector)
        and all(
            isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
            for number in vector
        )
    )


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None


def _broken(exchange: Exchange, value: Any, vectors: Sequence[Any]) -> Verdict | None:
    """Why it is no answer at all; None when it is one."""
    content = exchange.body.content
    if exchange.status != 200:
        words = f"HTTP {exchange.status}: {error_text(content)}"
        return Verdict(Outcome.FAILED, reason_of_status(exchange.status), words)
    if exchange.unread is not None:
        return Verdict(Outcome.FAILED, exchange.unread, exchange.body.ending.value)
    if not content.strip():
        return Verdict(Outcome.FAILED, Reason.EMPTY, "an empty body")
    if (message := message_in(value)) is not None:
        return Verdict(Outcome.FAILED, reason_of_message(message), f"error with status 200: {message}")
    if len(vectors) != 2:
        beginning = content[:80].decode(errors="replace")
        return Verdict(Outcome.FAILED, Reason.BAD_STREAM, f"{len(vectors)} vectors for two inputs: {beginning!r}")
    return None


def _worth(vectors: Sequence[Any], module: EmbeddingModule, timings: Timings) -> Verdict:
    """Whether two vectors are right and in time."""
    if (words := _wrong(vectors, module.dimensions)) is not None:
        return Verdict(Outcome.DEGRADED, Reason.WRONG_CONTENT, words)
    objective, total = module.total_objective, timings.total_ms
    if objective is not None and total is not None and total > objective * 1000:
        words = f"answered after {total:.0f} ms (objective {objective:g} s)"
        return Verdict(Outcome.DEGRADED, Reason.SLOW, words)
    return Verdict(Outcome.OK)


def _wrong(vectors: Sequence[Any], dimensions: int | None) -> str | None:
    """What is wrong with the vectors; None when nothing is."""
    for vector in vectors:
        if not finite(vector):
            return "a vector that is no list of finite numbers"
        if not any(vector):
            return f"a vector of {len(vector)} zeros"
    lengths = [len(vector) for vector in vectors]
    if len(set(lengths)) > 1 or lengths[0] != (dimensions or lengths[0]):
        return f"vectors of {lengths[0]} and {lengths[1]} numbers" + (f", not {dimensions}" if dimensions else "")
    return "two different inputs got the same vector" if vectors[0] == vectors[1] else None
