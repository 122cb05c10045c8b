"""Every streaming protocol is asked as its documentation says, and the same behaviour has the same name in each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from probes.attempt import observe
from schemas.fleet import Auth
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import END, STREAM_HEAD, Script, bad_server, chunk, event, plain, sends
from tests.support.protocols import PROTOCOLS, USAGE_IN, USAGE_OUT
from tests.support.subjects import TICK, bench, subject_of

OK, FAILED = Outcome.OK, Outcome.FAILED
OVERLOADED = {
    "chat_stream": ("overloaded_error", "try later", 0),
    "completion_stream": ("ServiceUnavailableError", "no free slot", 503),
    "responses_stream": ("server_error", "the engine is overloaded", 0),
    "messages_stream": ("overloaded_error", "Overloaded", 0),
    "generate_stream": ("overloaded", "Model is full", 0),
    "triton_generate": ("unavailable", "Exceeds maximum queue size", 0),
    "gemini_stream": ("UNAVAILABLE", "Please try again later.", 503),
}
LIMITED = {
    "chat_stream": ("rate_limit_exceeded", "slow down", 0),
    "completion_stream": ("requests", "slow down", 429),
    "responses_stream": ("rate_limit_exceeded", "slow down", 0),
    "messages_stream": ("rate_limit_error", "slow down", 0),
    "generate_stream": ("rate_limited", "slow down", 0),
    "triton_generate": ("error", "too many requests", 0),
    "gemini_stream": ("RESOURCE_EXHAUSTED", "Resource has been used up.", 429),
}


def says(*steps: bytes | float) -> Script:
    """A whole event stream."""
    return sends(STREAM_HEAD, *(step for step in steps if step != b""), END)


async def seen_of(kind: str, script: Script, **settings: Any) -> Observation:
    """The observation of one attempt."""
    async with bad_server(script) as server, bench() as here:
        return await observe(here, subject_of(kind, server.url, **settings), TICK, 0, 1)


@pytest.mark.parametrize("kind", PROTOCOLS)
async def test_a_good_answer_is_ok_with_its_tokens_and_timings(kind: str) -> None:
    """Two events of content are two chunks; usage is what was billed."""
    p = PROTOCOLS[kind]
    seen = await seen_of(kind, says(p.start, 0.05, p.said("one "), 0.05, p.said("two"), p.ends(USAGE_IN, USAGE_OUT)))

    assert (seen.outcome, seen.reason) == (OK, None), seen.detail
    assert (seen.tokens.billed_in, seen.tokens.billed_out) == (USAGE_IN if p.billed_in else None, USAGE_OUT)
    assert (seen.tokens.counted_out, seen.tokens.chunks) == (2, 2)
    assert (seen.finish_reason, seen.server_request_id) == (p.finish_reason, p.identity)
    assert seen.timings.reasoning_ms is None
    assert seen.timings.first_token_ms is not None and seen.timings.first_token_ms >= 45
    assert seen.timings.stream_end_ms is not None and seen.timings.last_token_ms is not None
    assert seen.timings.stream_end_ms >= seen.timings.last_token_ms >= seen.timings.first_token_ms + 45
    assert len(seen.answer_digest) == 16


@pytest.mark.parametrize("kind", PROTOCOLS)
async def test_the_request_is_what_the_documentation_says(kind: str) -> None:
    """Its path and its length; the prompt begins with a nonce and is another one at each attempt."""
    p = PROTOCOLS[kind]
    async with bad_server(says(p.said("one"), p.ends(1, 1))) as server, bench() as here:
        subject = subject_of(kind, server.url, max_tokens=24, max_tokens_min=8)
        for attempt in (0, 1):
            await observe(here, subject, TICK, attempt, 1)
    first, second = server.requests

    assert first["_path"] == p.path
    assert 8 <= p.length(first) <= 24
    assert p.prompt(first).startswith("nonce=")
    assert p.prompt(first) != p.prompt(second)
    assert f"in {p.length(first)} words" in p.prompt(first)


@pytest.mark.parametrize("kind", PROTOCOLS)
async def test_a_stream_without_its_end_is_truncated(kind: str) -> None:
    """Whatever a protocol calls its end; within an event as well."""
    p = PROTOCOLS[kind]
    whole = await seen_of(kind, says(p.start, p.said("one "), p.said("two")))
    half = await seen_of(kind, says(p.start, p.said("one "), chunk(b'data: {"cho')))
    cut = await seen_of(kind, sends(STREAM_HEAD, p.said("one ")))

    assert (whole.outcome, whole.reason) == (half.outcome, half.reason) == (FAILED, Reason.TRUNCATED)
    assert cut.reason is Reason.CONNECTION_LOST


@pytest.mark.parametrize("kind", PROTOCOLS)
async def test_a_complete_answer_without_content_is_empty(kind: str) -> None:
    """It has an end, and nothing before it; reasoning alone is no answer either."""
    p = PROTOCOLS[kind]
    empty = await seen_of(kind, says(p.start, p.ends(USAGE_IN, USAGE_OUT)))
    assert (empty.outcome, empty.reason) == (FAILED, Reason.EMPTY)
    if p.thought is not None:
        only = await seen_of(kind, says(p.start, p.thought("hm"), p.ends(USAGE_IN, USAGE_OUT)))
        assert (only.outcome, only.reason) == (FAILED, Reason.EMPTY)
        assert only.timings.reasoning_ms is not None and only.timings.first_token_ms is None


@pytest.mark.parametrize("kind", [kind for kind, protocol in PROTOCOLS.items() if protocol.thought])
async def test_reasoning_has_a_time_of_its_own(kind: str) -> None:
    """It is not the first token, and its text is not the answer's."""
    p = PROTOCOLS[kind]
    assert p.thought is not None
    script = says(p.start, p.thought("let me "), p.thought("see"), 0.2, p.said("one"), p.ends(USAGE_IN, USAGE_OUT))
    seen = await seen_of(kind, script)

    assert (seen.outcome, seen.tokens.chunks, seen.tokens.counted_out) == (OK, 1, 1)
    assert seen.timings.reasoning_ms is not None and seen.timings.first_token_ms is not None
    assert seen.timings.first_token_ms - seen.timings.reasoning_ms >= 195


@pytest.mark.parametrize("kind", PROTOCOLS)
async def test_an_error_in_the_stream_has_its_own_class(kind: str) -> None:
    """By type, status or words; in mid-stream and as the whole body of a 200."""
    p = PROTOCOLS[kind]
    crashed = await seen_of(kind, says(p.start, p.said("one"), p.error("internal", "engine crashed", 500)))
    full = await seen_of(kind, says(p.start, p.said("one"), p.error(*OVERLOADED[kind])))
    limited = await seen_of(kind, says(p.error(*LIMITED[kind])))

    assert (crashed.outcome, crashed.reason) == (FAILED, Reason.ERROR_IN_STREAM)
    assert "engine crashed" in crashed.detail
    assert full.reason is Reason.NO_CAPACITY, full.detail
    assert limited.reason is Reason.RATE_LIMITED, limited.detail


@pytest.mark.parametrize("kind", PROTOCOLS)
@pytest.mark.parametrize("absurd", [-1, 10**12, "7", 3.5, True, None], ids=repr)
async def test_an_absurd_usage_is_left_out_and_tokens_are_still_counted(kind: str, absurd: object) -> None:
    """Negative, huge, words, fractions: nothing was billed as far as we know, and the answer stands."""
    p = PROTOCOLS[kind]
    seen = await seen_of(kind, says(p.start, p.said("one "), p.said("two"), p.ends(absurd, absurd)))

    assert (seen.outcome, seen.tokens.counted_out, seen.tokens.billed_in) == (OK, 2, None)
    assert seen.tokens.billed_out == (2 if kind == "triton_generate" else None)  # Triton says it response by response


@pytest.mark.parametrize("kind", PROTOCOLS)
@pytest.mark.parametrize(("status", "reason"), [(429, Reason.RATE_LIMITED), (503, Reason.NO_CAPACITY)])
async def test_a_refusal_before_the_stream_is_read_by_its_status(kind: str, status: int, reason: Reason) -> None:
    """Whatever its body."""
    seen = await seen_of(kind, sends(plain(f"{status} No", b'{"error": "no"}')))

    assert (seen.outcome, seen.reason, seen.http_status) == (FAILED, reason, status)


async def test_anthropic_is_told_the_version_and_the_key_in_its_own_header() -> None:
    """As its API wants it; the key is not sent as a bearer."""
    p = PROTOCOLS["messages_stream"]
    async with bad_server(says(p.said("one"), p.ends(1, 1))) as server, bench() as here:
        auth = Auth(bearer=SecretStr("sk-ant-0123456789"), header="x-api-key")
        seen = await observe(here, subject_of("messages_stream", server.url, auth=auth), TICK, 0, 1)
    headers = server.requests[0]["_headers"]

    assert seen.outcome is OK
    assert isinstance(headers, dict)
    assert (headers["anthropic-version"], headers["x-api-key"]) == ("2023-06-01", "sk-ant-0123456789")
    assert "Authorization" not in headers


async def test_thinking_is_asked_for_on_top_of_the_answer() -> None:
    """The API counts it within max_tokens, and takes no temperature then."""
    p = PROTOCOLS["messages_stream"]
    async with bad_server(says(p.said("one"), p.ends(1, 1))) as server, bench() as here:
        subject = subject_of("messages_stream", server.url, max_tokens=10, thinking_budget=1024)
        await observe(here, subject, TICK, 0, 1)
    (request,) = server.requests

    assert (request["max_tokens"], request["thinking"]) == (1034, {"type": "enabled", "budget_tokens": 1024})
    assert "temperature" not in request
    assert subject.module.tokens_out == 1034


async def test_what_a_cache_held_of_a_prompt_is_billed_too() -> None:
    """Anthropic's prompt is the sum of three counts; the output is counted up."""
    p = PROTOCOLS["messages_stream"]
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 4, "cache_read_input_tokens": 5, "output_tokens": 1}
    start = event({"type": "message_start", "message": {"id": "msg_1", "usage": usage}})
    seen = await seen_of("messages_stream", says(start, p.said("one"), p.ends(None, 9)))

    assert (seen.tokens.billed_in, seen.tokens.billed_out) == (12, 9)


async def test_a_message_without_a_stop_reason_is_complete_with_its_stop() -> None:
    """Anthropic's end marker alone is enough, as `[DONE]` is."""
    p = PROTOCOLS["messages_stream"]
    seen = await seen_of("messages_stream", says(p.start, p.said("one"), event({"type": "message_stop"})))

    assert (seen.outcome, seen.finish_reason) == (OK, "")


async def test_gemini_bills_thoughts_as_output_and_a_blocked_prompt_is_empty() -> None:
    """The sum is what was billed; the reason of a block is its finish reason."""
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 3, "thoughtsTokenCount": 20}
    part = {"content": {"parts": [{"text": "one"}]}, "finishReason": "MAX_TOKENS"}
    thoughtful = await seen_of("gemini_stream", says(event({"candidates": [part], "usageMetadata": usage})))
    blocked = await seen_of("gemini_stream", says(event({"promptFeedback": {"blockReason": "SAFETY"}})))

    assert (thoughtful.outcome, thoughtful.tokens.billed_out, thoughtful.finish_reason) == (OK, 23, "MAX_TOKENS")
    assert (blocked.reason, blocked.finish_reason) == (Reason.EMPTY, "SAFETY")


async def test_a_failed_response_is_an_error_and_an_incomplete_one_says_why() -> None:
    """OpenAI Responses: three ways to end."""
    p = PROTOCOLS["responses_stream"]
    error = {"code": "rate_limit_exceeded", "message": "slow down"}
    failed = await seen_of("responses_stream", says(event({"type": "response.failed", "response": {"error": error}})))
    details = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    cut = event({"type": "response.incomplete", "response": details})
    incomplete = await seen_of("responses_stream", says(p.said("one"), cut))

    assert (failed.outcome, failed.reason) == (FAILED, Reason.RATE_LIMITED)
    assert (incomplete.outcome, incomplete.finish_reason) == (OK, "max_output_tokens")


async def test_triton_without_finish_reasons_is_complete_with_the_end_of_its_body() -> None:
    """Backends that say none; a body that is cut is not complete."""
    said = event({"model_name": "m", "text_output": "one"})
    whole = await seen_of("triton_generate", says(said, said), backend="tensorrtllm")
    cut = await seen_of("triton_generate", sends(STREAM_HEAD, said), backend="tensorrtllm")
    half = await seen_of("triton_generate", says(said, chunk(b'data: {"text_ou')), backend="tensorrtllm")

    assert (whole.outcome, whole.tokens.chunks, whole.tokens.billed_out) == (OK, 2, None)
    assert cut.reason is Reason.CONNECTION_LOST
    assert half.reason is Reason.TRUNCATED


async def test_triton_is_asked_as_its_backend_wants_it() -> None:
    """vLLM's in an object, TensorRT-LLM's beside the text; details only where they are wanted."""
    requests = []
    for settings in ({"backend": "tensorrtllm"}, {"details": False}):
        async with bad_server(says(event({"text_output": "one"}))) as server, bench() as here:
            await observe(here, subject_of("triton_generate", server.url, max_tokens=9, **settings), TICK, 0, 1)
        requests += server.requests
    tensorrt, plain_vllm = requests

    assert (tensorrt["max_tokens"], tensorrt["stream"], "parameters" in tensorrt) == (9, True, False)
    assert plain_vllm["parameters"] == {"stream": True, "max_tokens": 9, "temperature": 1.0}
    assert "return_finish_reason" not in plain_vllm


async def test_tgi_is_not_asked_for_a_temperature_of_zero() -> None:
    """It would refuse; greedy is `do_sample: false`."""
    p = PROTOCOLS["generate_stream"]
    async with bad_server(says(p.said("one"), p.ends(1, 1))) as server, bench() as here:
        await observe(here, subject_of("generate_stream", server.url, temperature=0.0), TICK, 0, 1)
    parameters = server.requests[0]["parameters"]

    assert isinstance(parameters, dict)
    assert parameters["do_sample"] is False and "temperature" not in parameters


NONSENSE = (
    "{}",
    '{"choices": 3, "candidates": 3, "delta": 3, "token": 3, "type": 3}',
    '{"choices": [3], "candidates": [3], "text_output": [], "response": 3, "type": []}',
)


@pytest.mark.parametrize("kind", PROTOCOLS)
@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_objects_of_another_shape_are_no_content_and_never_an_exception(kind: str, nonsense: str) -> None:
    """They are passed over; the answer is not complete, and has nothing in it."""
    seen = await seen_of(kind, says(event(nonsense)))

    assert seen.reason in {Reason.TRUNCATED, Reason.EMPTY}, seen.detail
