"""json_mode: an answer that must be JSON is JSON, of the schema that was asked for, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from probes.attempt import observe
from probes.structured import wanted
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import DONE, END, FINISH, STREAM_HEAD, bad_server, event, sends, token
from tests.support.subjects import TICK, bench, subject_of

GOOD: dict[str, Any] = {"station": "?", "celsius": 7, "unit": "celsius", "calm": True}  # ? is one of those offered
CUT = event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
DEGRADED = Outcome.DEGRADED
CASES: dict[str, tuple[str, Outcome, Reason | None]] = {
    "the object": (json.dumps(GOOD), Outcome.OK, None),
    "white space around it": (f" \n{json.dumps(GOOD, indent=2)}\n", Outcome.OK, None),
    "words before it": (f"Here you are: {json.dumps(GOOD)}", DEGRADED, Reason.INVALID_JSON),
    "a fence around it": (f"```json\n{json.dumps(GOOD)}\n```", DEGRADED, Reason.INVALID_JSON),
    "half of it": (json.dumps(GOOD)[:20], DEGRADED, Reason.INVALID_JSON),
    "NaN in it": (json.dumps(GOOD | {"celsius": float("nan")}), DEGRADED, Reason.INVALID_JSON),
    "a field less": (json.dumps({"celsius": 7}), DEGRADED, Reason.SCHEMA_MISMATCH),
    "another station": (json.dumps(GOOD | {"station": "Nowhere"}), DEGRADED, Reason.SCHEMA_MISMATCH),
    "a list": (json.dumps([GOOD]), DEGRADED, Reason.SCHEMA_MISMATCH),
    "nothing": ("", Outcome.FAILED, Reason.EMPTY),
}


async def seen_of(text: str, *, end: bytes = FINISH, **settings: Any) -> tuple[Observation, dict[str, Any]]:
    """The observation of an answer in two chunks, and what was asked."""

    async def answers(reader: Any, writer: Any, request: dict[str, Any]) -> None:
        schema = request["response_format"].get("json_schema", {}).get("schema")
        said = text.replace('"?"', json.dumps(schema["properties"]["station"]["enum"][1])) if schema else text
        half = len(said) // 2
        pieces = [token(part) for part in (said[:half], said[half:])]
        await sends(STREAM_HEAD, *pieces, end, DONE, END)(reader, writer, request)

    async with bad_server(answers) as server, bench() as here:
        seen = await observe(here, subject_of("json_mode", server.url, **settings), TICK, 0, 1)
    return seen, server.requests[0]


@pytest.mark.parametrize("name", CASES)
async def test_each_answer_has_its_name(name: str) -> None:
    """Against the schema that was sent."""
    text, outcome, reason = CASES[name]
    seen, _ = await seen_of(text)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


@pytest.mark.parametrize(
    ("text", "reason"), [('{"any": 1}', None), ("[1]", Reason.SCHEMA_MISMATCH), ("{", Reason.INVALID_JSON)]
)
async def test_json_object_promises_an_object_and_no_more(text: str, reason: Reason | None) -> None:
    """Its fields are the model's."""
    seen, request = await seen_of(text, response_format="json_object")

    assert (seen.reason, request["response_format"]) == (reason, {"type": "json_object"})
    assert "JSON" in request["messages"][0]["content"]  # OpenAI refuses the mode where the prompt does not say it


async def test_an_answer_that_was_cut_says_so() -> None:
    """Then max_tokens may be too small."""
    seen, _ = await seen_of('{"station": ', end=CUT)

    assert seen.reason is Reason.INVALID_JSON
    assert seen.detail.endswith("(cut at max_tokens)")


def test_the_schema_is_another_one_at_each_attempt() -> None:
    """Its stations are made up; the sentence names one of them."""
    asked = [wanted(f"{number:016x}") for number in range(50)]
    stations = [tuple(one.schema["properties"]["station"]["enum"]) for one in asked]

    assert len(set(stations)) == 50
    assert all(any(name in one.sentence for name in names) for one, names in zip(asked, stations, strict=True))
