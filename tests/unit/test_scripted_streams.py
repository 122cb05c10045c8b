"""
The thirteen streams that the benchmark tools disagree on, each with the verdict that is right.

Times are asserted from below (a server cannot send early), and loosely from above (a machine can be busy).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from probes.attempt import observe
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import (
    DONE,
    END,
    FINISH,
    ROLE,
    STREAM_HEAD,
    USAGE,
    Script,
    bad_server,
    chunk,
    event,
    sends,
    token,
)
from tests.support.subjects import TICK, bench, subject_of

LATE_MS = 400  # what a busy machine may add
GAP_S = 0.02
WORDS = tuple(f"w{number} " for number in range(20))
TOKENS = tuple(step for word in WORDS for step in (GAP_S, token(word)))[1:]
USAGE_20 = event({"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 20}})
REASONING = event({"choices": [{"index": 0, "delta": {"reasoning": "hm"}}]})
CRASHED = event({"error": {"message": "CUDA error", "type": "internal_error"}})
OK, FAILED = Outcome.OK, Outcome.FAILED


def about(found: float | None, expected_ms: float) -> bool:
    """Whether a time is what the server made it: not earlier, and not much later."""
    return found is not None and expected_ms - 5 <= found < expected_ms + LATE_MS


def first_token_at(expected_ms: float) -> Callable[[Observation], bool]:
    """Whether the TTFT is this."""
    return lambda seen: about(seen.timings.first_token_ms, expected_ms)


def ends_apart(seen: Observation) -> bool:
    """The end of the content and the end of the stream, 300 ms apart."""
    last, end = seen.timings.last_token_ms, seen.timings.stream_end_ms
    return last is not None and end is not None and about(end - last, 300) and (seen.timings.gap_max_ms or 0) < 290


def tokens_and_chunks_apart(seen: Observation) -> bool:
    """20 tokens in 5 chunks, 80 ms apart: 80 ms a chunk, and a quarter of it (320 ms / 19) a token."""
    chunk_gap, token_gap = seen.timings.chunk_gap_ms, seen.token_gap_ms
    apart = about(chunk_gap, 80) and token_gap is not None and chunk_gap is not None
    return apart and seen.tokens.chunks == 5 and token_gap == pytest.approx(chunk_gap * 4 / 19)


def counted_and_not_billed(seen: Observation) -> bool:
    """Without usage the words are counted, and nothing is billed."""
    return (seen.tokens.billed_out, seen.tokens.counted_out, seen.tokens.out) == (None, 20, 20)


def reasoning_apart(seen: Observation) -> bool:
    """Both first tokens, each with its time."""
    return about(seen.timings.reasoning_ms, 200) and about(seen.timings.first_token_ms, 800)


def stall_kept(seen: Observation) -> bool:
    """The largest gap is the stall; the mean hides it."""
    return about(seen.timings.gap_max_ms, 1000) and sum(gap > 900 for gap in seen.timings.gaps_ms) == 1


def anything(_seen: Observation) -> bool:
    """The verdict says it all."""
    return True


@dataclass(frozen=True, slots=True)
class Case:
    """What the server sends after its head, what that must be called, and what must be seen beside."""

    script: Script
    outcome: Outcome
    reason: Reason | None = None
    shows: Callable[[Observation], bool] = anything


def after_head(*steps: bytes | float) -> Script:
    """The head at once, then *steps*, then the end of the body."""
    return sends(STREAM_HEAD, *steps, END)


CASES: dict[str, Case] = {
    "plain": Case(after_head(ROLE, 0.2, *TOKENS, FINISH, USAGE_20, DONE), OK, None, first_token_at(200)),
    "role chunk at once, first content at 500 ms": Case(
        after_head(ROLE, 0.5, *TOKENS, FINISH, USAGE_20, DONE), OK, None, first_token_at(500)
    ),
    "last content early, finish 300 ms later": Case(
        after_head(0.2, *TOKENS, 0.3, FINISH, USAGE_20, DONE), OK, None, ends_apart
    ),
    "4 tokens per chunk": Case(
        after_head(0.2, *(s for n in range(5) for s in (token("a b c d "), 0.08 * (n < 4))), FINISH, USAGE_20, DONE),
        OK, None, tokens_and_chunks_apart,
    ),
    "comment pings before the first token": Case(
        after_head(*(s for _ in range(5) for s in (chunk(b": ping\n\n"), 0.1)), *TOKENS, FINISH, USAGE_20, DONE),
        OK, None, first_token_at(500),
    ),
    "no usage in the stream": Case(after_head(0.2, *TOKENS, FINISH, DONE), OK, None, counted_and_not_billed),
    "reasoning first, content at 800 ms": Case(
        after_head(0.2, REASONING, 0.3, REASONING, 0.3, *TOKENS, FINISH, USAGE_20, DONE), OK, None, reasoning_apart
    ),
    "truncated, no finish, no end marker": Case(after_head(0.2, *TOKENS), FAILED, Reason.TRUNCATED),
    "connection cut": Case(sends(STREAM_HEAD, 0.2, *TOKENS), FAILED, Reason.CONNECTION_LOST),
    "error event in mid-stream": Case(after_head(*TOKENS, CRASHED, DONE), FAILED, Reason.ERROR_IN_STREAM),
    "broken JSON in mid-stream": Case(
        after_head(*TOKENS, event('{"choices": [{'), *TOKENS, FINISH, DONE), FAILED, Reason.BAD_STREAM
    ),
    "empty answer, 200": Case(after_head(ROLE, FINISH, USAGE, DONE), FAILED, Reason.EMPTY),
    "one stall of 1 s": Case(
        after_head(0.2, *TOKENS[:20], 1.0, *TOKENS[20:], FINISH, USAGE_20, DONE), OK, None, stall_kept
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_each_scripted_stream_gets_the_verdict_that_is_right(name: str) -> None:
    """Thirteen streams: what it was, and the figure that tells it from the others."""
    case = CASES[name]
    async with bad_server(case.script) as server, bench() as here:
        seen = await observe(here, subject_of("chat_stream", server.url, timeout="10s"), TICK, 0, 1)

    assert (seen.outcome, seen.reason) == (case.outcome, case.reason), seen.detail
    assert case.shows(seen), (case.shows.__doc__, seen.timings, seen.tokens)
