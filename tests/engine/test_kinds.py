"""Kinds against vLLM itself: its own events, its own usage, its own constrained decoding."""

from __future__ import annotations

from typing import Any

import pytest

from bench.engine.serve import ServedEngine
from probes.attempt import observe
from probes.catalog import KINDS
from probes.contract import Subject
from schemas.fleet import Place, Target
from schemas.observation import Observation, Outcome, Reason
from tests.support.engines import vllm_engine
from tests.support.subjects import TICK, bench

__all__ = ["vllm_engine"]

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STREAMS = ("chat_stream", "completion_stream", "responses_stream", "messages_stream")


async def seen_of(engine: ServedEngine, kind: str, *, attempt: int = 0, **settings: Any) -> Observation:
    """The observation of one attempt, with time enough for a busy machine."""
    target = Target(model=engine.model, url=engine.url, modules=("one",))
    limits = {"timeout": "60s"} | ({} if kind == "embedding" else {"ttft_timeout": "30s", "stall_timeout": "30s"})
    module = KINDS[kind].settings.model_validate({"kind": kind, **limits, **settings})
    async with bench(lag_limit_s=60.0) as here:
        return await observe(
            here, Subject(Place("acme", "acme/here", "acme/here/one", "", target), "one", module), TICK, attempt, 1
        )


@pytest.mark.parametrize("kind", STREAMS)
async def test_a_stream_is_read_whole_in_every_protocol_that_it_speaks(vllm_engine: ServedEngine, kind: str) -> None:
    """Tokens as billed, chunks at most as many, every timing in its order, and the request's name."""
    seen = await seen_of(vllm_engine, kind, max_tokens=24)
    t = seen.timings

    assert (seen.outcome, seen.reason) == (Outcome.OK, None), seen.detail
    assert seen.tokens.billed_out is not None and 1 < seen.tokens.chunks <= seen.tokens.billed_out <= 24
    assert seen.tokens.billed_in is not None and seen.tokens.billed_in > 20
    assert seen.server_request_id and seen.finish_reason and len(seen.answer_digest) == 16
    assert None not in (t.first_byte_ms, t.first_token_ms, t.last_token_ms, t.stream_end_ms)
    assert t.first_byte_ms <= t.first_token_ms <= t.last_token_ms <= t.stream_end_ms  # type: ignore[operator]
    assert len(t.arrivals_ms) == seen.tokens.chunks


async def test_every_attempt_is_another_prompt_and_another_answer(vllm_engine: ServedEngine) -> None:
    """Attempts of one tick have different nonces."""
    seen = [await seen_of(vllm_engine, "chat_stream", attempt=attempt, temperature=0.0) for attempt in (0, 1)]

    assert seen[0].answer_digest != seen[1].answer_digest


async def test_json_of_the_schema_is_written_under_constraint(vllm_engine: ServedEngine) -> None:
    """Random weights, and yet an object of the schema that was sent."""
    seen = await seen_of(vllm_engine, "json_mode", temperature=1.0, max_tokens=512)

    assert (seen.outcome, seen.reason, seen.finish_reason) == (Outcome.OK, None, "stop"), seen.detail


@pytest.mark.parametrize("choice", ["forced", "required"])
async def test_a_tool_is_called_under_constraint(vllm_engine: ServedEngine, choice: str) -> None:
    """The call is streamed in fragments; random weights may choose the other tool where they are left the choice."""
    seen = await seen_of(vllm_engine, "tool_call", tool_choice=choice, temperature=1.0, max_tokens=512)
    other = seen.reason is Reason.UNKNOWN_NAME and "list_stations" in seen.detail

    assert seen.outcome is Outcome.OK or (choice == "required" and other), seen.detail
    assert seen.tokens.chunks > 1


async def test_a_tool_left_to_random_weights_is_not_called(vllm_engine: ServedEngine) -> None:
    """Without a constraint there is only text: degraded, and told apart from a failure."""
    seen = await seen_of(vllm_engine, "tool_call", tool_choice="auto", max_tokens=64)

    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.UNKNOWN_NAME), seen.detail


async def test_random_weights_cannot_compute(vllm_engine: ServedEngine) -> None:
    """A wrong answer is degraded, with its tokens."""
    seen = await seen_of(vllm_engine, "golden_answer")

    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.WRONG_CONTENT), seen.detail
    assert seen.tokens.billed_out


async def test_a_long_prompt_is_billed_and_one_beyond_the_context_is_our_fault(vllm_engine: ServedEngine) -> None:
    """The model takes 2,048 tokens; its syllables make more of our words than a usual vocabulary."""
    long = await seen_of(vllm_engine, "long_prompt", prompt_tokens=400)
    beyond = await seen_of(vllm_engine, "long_prompt", prompt_tokens=10_000)

    assert (long.outcome, long.figures["prompt_tokens_asked"]) == (Outcome.OK, 400)
    assert 400 < long.figures["prompt_tokens_billed"] < 2_048
    assert (beyond.outcome, beyond.reason, beyond.http_status) == (Outcome.FAILED, Reason.BAD_REQUEST, 400)


async def test_a_burst_is_answered_and_its_spread_measured(vllm_engine: ServedEngine) -> None:
    """Sixteen at once on one core: all answered, none at the same time."""
    seen = await seen_of(vllm_engine, "burst", n=16, max_tokens=16)

    assert (seen.outcome, seen.figures["n_ok"]) == (Outcome.OK, 16), seen.detail
    assert 0 < seen.figures["ttft_min_ms"] <= seen.figures["ttft_p50_ms"] <= seen.figures["ttft_p95_ms"]
    assert seen.tokens.billed_out is not None and 16 < seen.tokens.billed_out <= 16 * 16


async def test_an_endpoint_that_the_engine_does_not_have_is_our_own_mistake(vllm_engine: ServedEngine) -> None:
    """It generates, so it has no embeddings: caller, not provider."""
    seen = await seen_of(vllm_engine, "embedding")

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.MODEL_NOT_FOUND)
