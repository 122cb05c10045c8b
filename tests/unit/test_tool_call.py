"""tool_call: name, JSON and schema of what a model calls, streamed in fragments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from probes.attempt import observe
from probes.kinds.tool_call import TOOL
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import END, FINISH, STREAM_HEAD, Script, bad_server, event, sends, token
from tests.support.subjects import TICK, bench, subject_of

Answers = Callable[[dict[str, Any]], tuple[bytes, ...]]
CALLED = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
CUT = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})


def fragment(arguments: str, *, name: str | None = None, index: int = 0) -> bytes:
    """A piece of a call, as it is streamed: the name comes with the first one only."""
    function = {"arguments": arguments} | ({"name": name} if name is not None else {})
    call = {"index": index, "function": function} | ({"id": "call_1", "type": "function"} if name is not None else {})
    return event({"id": "r1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})


def good_arguments(request: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the schema that was sent."""
    station = request["tools"][0]["function"]["parameters"]["properties"]["station"]["enum"][0]
    return {"station": station, "celsius": 7, "unit": "celsius", "calm": True}


def calls(name: str = TOOL, end: bytes = CALLED, **changes: Any) -> Answers:
    """A call in four fragments, its arguments changed."""

    def answer(request: dict[str, Any]) -> tuple[bytes, ...]:
        text = json.dumps(good_arguments(request) | changes)
        return fragment("", name=name), fragment(text[:9]), fragment(text[9:20]), fragment(text[20:]), end

    return answer


def answers(answer: Answers) -> Script:
    """A server that answers by what it was asked."""

    async def run(reader: Any, writer: Any, request: dict[str, object]) -> None:
        await sends(STREAM_HEAD, *answer(request), END)(reader, writer, request)

    return run


CASES: dict[str, tuple[Answers, Outcome, Reason | None]] = {
    "a good call": (calls(), Outcome.OK, None),
    "a good call with finish reason stop": (calls(end=FINISH), Outcome.OK, None),
    "text beside a good call": (lambda r: (token("I will. "), *calls()(r)), Outcome.OK, None),
    "no call": (lambda r: (token("It was 7 degrees."), FINISH), Outcome.DEGRADED, Reason.UNKNOWN_NAME),
    "the call written as text": (
        lambda r: (token(f"<tool_call>{TOOL}(7)</tool_call>"), FINISH), Outcome.DEGRADED, Reason.UNKNOWN_NAME,
    ),
    "a tool that was not offered": (calls("get_weather"), Outcome.DEGRADED, Reason.UNKNOWN_NAME),
    "the other tool": (calls("list_stations"), Outcome.DEGRADED, Reason.UNKNOWN_NAME),
    "arguments that are no JSON": (
        lambda r: (fragment('{"station": Oslo}', name=TOOL), CALLED), Outcome.DEGRADED, Reason.INVALID_JSON,
    ),
    "no arguments": (lambda r: (fragment("", name=TOOL), CALLED), Outcome.DEGRADED, Reason.INVALID_JSON),
    "arguments cut at max_tokens": (
        lambda r: (fragment('{"station": "', name=TOOL), CUT), Outcome.DEGRADED, Reason.INVALID_JSON,
    ),
    "JSON twice": (lambda r: (fragment("{}{}", name=TOOL), CALLED), Outcome.DEGRADED, Reason.INVALID_JSON),
    "a value of another type": (calls(celsius="7"), Outcome.DEGRADED, Reason.SCHEMA_MISMATCH),
    "a value that is not in the list": (calls(unit="kelvin"), Outcome.DEGRADED, Reason.SCHEMA_MISMATCH),
    "a field too many": (calls(colour="red"), Outcome.DEGRADED, Reason.SCHEMA_MISMATCH),
    "no object": (lambda r: (fragment("[1]", name=TOOL), CALLED), Outcome.DEGRADED, Reason.SCHEMA_MISMATCH),
    "a second call that is bad": (
        lambda r: (*calls()(r)[:4], fragment("{}", name=TOOL, index=1), CALLED),
        Outcome.DEGRADED, Reason.SCHEMA_MISMATCH,
    ),
    "truncated in the arguments": (
        lambda r: (fragment('{"sta', name=TOOL),), Outcome.FAILED, Reason.TRUNCATED,
    ),
    "nothing at all": (lambda r: (FINISH,), Outcome.FAILED, Reason.EMPTY),
}  # fmt: skip


async def seen_of(answer: Answers, **settings: Any) -> tuple[Observation, dict[str, Any]]:
    """The observation, and what was asked."""
    async with bad_server(answers(answer)) as server, bench() as here:
        seen = await observe(here, subject_of("tool_call", server.url, **settings), TICK, 0, 1)
    return seen, server.requests[0]


@pytest.mark.parametrize("name", CASES)
async def test_each_way_of_calling_has_its_name(name: str) -> None:
    """A wrong call is degraded, no call at all as well; a broken stream is failed."""
    answer, outcome, reason = CASES[name]
    seen, _ = await seen_of(answer)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


async def test_the_first_fragment_is_the_first_token() -> None:
    """Fragments are chunks with arrivals; text there is none, and nothing that could be counted exactly."""
    seen, _ = await seen_of(calls())

    assert len(seen.timings.arrivals_ms) == seen.tokens.chunks == 4
    assert (seen.tokens.counted_out, seen.tokens.counted_by, seen.answer_digest) == (4, "chunks", "")


@pytest.mark.parametrize(
    ("setting", "sent"),
    [
        ("forced", {"type": "function", "function": {"name": TOOL}}),
        ("required", "required"),
        ("auto", "auto"),
    ],
)
async def test_the_choice_is_sent_as_the_api_calls_it(setting: str, sent: object) -> None:
    """Both tools are offered, whatever the choice."""
    _, request = await seen_of(calls(), tool_choice=setting)

    assert request["tool_choice"] == sent
    assert [tool["function"]["name"] for tool in request["tools"]] == [TOOL, "list_stations"]
    assert all("strict" not in tool["function"] for tool in request["tools"])


async def test_strict_is_asked_of_each_tool() -> None:
    """As OpenAI's API has it."""
    _, request = await seen_of(calls(), strict=True)

    assert [tool["function"]["strict"] for tool in request["tools"]] == [True, True]
