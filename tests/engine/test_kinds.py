"""Kinds against vLLM itself: its own events, its own usage, its own constrained decoding."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest
from pydantic import SecretStr

from bench.engine.serve import ServedEngine
from probes.attempt import observe
from probes.catalog import KINDS
from probes.contract import Subject
from schemas.fleet import Place, Target
from schemas.observation import Observation, Outcome, Reason
from tests.support.engines import embedding_engine, vllm_engine
from tests.support.subjects import TICK, bench

__all__ = ["embedding_engine", "vllm_engine"]

pytestmark = [pytest.mark.engine, pytest.mark.slow]

STREAMS = ("chat_stream", "completion_stream", "responses_stream", "messages_stream")


async def seen_of(engine: ServedEngine, kind: str, *, attempt: int = 0, **settings: Any) -> Observation:
    """The observation of one attempt, with time enough for a busy machine."""
    target = Target(model=engine.model, url=engine.url, modules=("one",))
    limits = {"timeout": "60s"} | ({} if kind == "embedding" else {"ttft_timeout": "30s", "stall_timeout": "30s"})
    module = KINDS[kind].settings.model_validate({"kind": kind, **limits, **settings})
    place, secret = Place("acme", "acme/here", "acme/here/one", "", target), SecretStr("a secret that nobody knows")
    async with bench(lag_limit_s=60.0) as here:
        return await observe(here, Subject(place, "one", module, secret=secret), TICK, attempt, 1)


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


async def constrained(engine: ServedEngine, kind: str, **settings: Any) -> list[Observation]:
    """Some attempts with random weights, which now and then write white space until max_tokens."""
    asked = {"temperature": 1.0, "max_tokens": 512} | settings
    return [await seen_of(engine, kind, attempt=attempt, **asked) for attempt in range(4)]


def check_constrained(seen: list[Observation]) -> None:
    """What was finished is of the schema; and something was."""
    finished = [one for one in seen if one.finish_reason != "length"]

    assert finished
    assert {(one.outcome, one.reason) for one in finished} == {(Outcome.OK, None)}, [one.detail for one in seen]


async def test_json_of_the_schema_is_written_under_constraint(vllm_engine: ServedEngine) -> None:
    """Random weights, and yet an object of the schema that was sent."""
    check_constrained(await constrained(vllm_engine, "json_mode"))


async def test_a_tool_is_called_under_constraint(vllm_engine: ServedEngine) -> None:
    """The call is streamed in fragments, and its arguments are of the schema."""
    seen = await constrained(vllm_engine, "tool_call", strict=True)

    check_constrained(seen)
    assert all(one.tokens.chunks > 1 for one in seen)


async def test_without_strict_arguments_are_what_the_weights_make_of_them(vllm_engine: ServedEngine) -> None:
    """The engine holds them to JSON only: degraded, and the reason says how."""
    seen = await constrained(vllm_engine, "tool_call")

    assert {one.outcome for one in seen} == {Outcome.DEGRADED}
    assert {one.reason for one in seen} <= {Reason.SCHEMA_MISMATCH, Reason.INVALID_JSON}, [one.detail for one in seen]


async def test_a_tool_left_to_random_weights_is_not_called(vllm_engine: ServedEngine) -> None:
    """Without a constraint there is only text: degraded, and told apart from a failure."""
    seen = await seen_of(vllm_engine, "tool_call", tool_choice="auto", max_tokens=64)

    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.UNKNOWN_NAME), seen.detail


async def test_the_likeliest_first_tokens_are_told_and_hardly_move(vllm_engine: ServedEngine) -> None:
    """Twenty of them, likeliest first, and nearly the same the next time: bfloat16 rounds."""
    once, again = [await seen_of(vllm_engine, "logprob_sample", set="s", prompts=1) for _ in range(2)]
    told = [one.value for one in once.samples]

    assert (once.outcome, len(told)) == (Outcome.OK, 20), once.detail
    assert told == sorted(told, reverse=True) and sum(exp(one) for one in told) < 1
    assert [one.value for one in again.samples] == pytest.approx(told, abs=0.2)


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


async def test_embeddings_are_of_unit_length_and_differ(embedding_engine: ServedEngine) -> None:
    """The same weights as a pooling model: 64 numbers, norm 1, two prompts apart."""
    seen = await seen_of(embedding_engine, "embedding", dimensions=64)

    assert (seen.outcome, seen.reason) == (Outcome.OK, None), seen.detail
    assert seen.figures["dimensions"] == 64
    assert seen.figures["norm"] == pytest.approx(1, abs=1e-3)
    assert -1 <= seen.figures["cosine"] < 1 - 1e-6
    assert seen.tokens.billed_in is not None and seen.tokens.billed_in > 20
