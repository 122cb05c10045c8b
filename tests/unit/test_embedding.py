"""embedding: two vectors of finite numbers, equally long, not zero and not the same; all else has its name."""

from __future__ import annotations

import math
from typing import Any

import orjson
import pytest

from probes.attempt import observe
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import Script, bad_server, hangs, plain, resets, sends
from tests.support.subjects import TICK, bench, subject_of

OK, DEGRADED, FAILED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED
WRONG = Reason.WRONG_CONTENT


def body(*vectors: Any, usage: Any = 9) -> bytes:
    """An answer as the API gives it."""
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return orjson.dumps({"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": usage}})


def vectors(*them: Any) -> Script:
    """A server that answers with these."""
    return sends(plain("200 OK", body(*them)))


CASES: dict[str, tuple[Script, dict[str, Any], Outcome, Reason | None]] = {
    "two vectors": (vectors([3.0, 4.0], [4.0, 3.0]), {}, OK, None),
    "whole numbers": (vectors([3, 4], [4, 3]), {}, OK, None),
    "of the length that was promised": (vectors([3.0, 4.0], [4.0, 3.0]), {"dimensions": 2}, OK, None),
    "of another length": (vectors([3.0, 4.0], [4.0, 3.0]), {"dimensions": 3}, DEGRADED, WRONG),
    "of two lengths": (vectors([3.0, 4.0], [4.0]), {}, DEGRADED, WRONG),
    "the same twice": (vectors([3.0, 4.0], [3.0, 4.0]), {}, DEGRADED, WRONG),
    "zeros": (vectors([3.0, 4.0], [0.0, 0.0]), {}, DEGRADED, WRONG),
    "null in a vector": (vectors([3.0, None], [4.0, 3.0]), {}, DEGRADED, WRONG),
    "empty vectors": (vectors([], []), {}, DEGRADED, WRONG),
    "text instead of numbers": (vectors("AAAA", "BBBB"), {}, DEGRADED, WRONG),
    "late": (
        sends(0.1, plain("200 OK", body([3.0, 4.0], [4.0, 3.0]))), {"total_objective": "50ms"}, DEGRADED, Reason.SLOW,
    ),
    "NaN in a vector": (
        sends(plain("200 OK", b'{"data": [{"embedding": [NaN]}, {"embedding": [1]}]}')), {}, FAILED, Reason.BAD_STREAM,
    ),
    "one vector": (vectors([3.0, 4.0]), {}, FAILED, Reason.BAD_STREAM),
    "no vectors": (sends(plain("200 OK", b'{"data": []}')), {}, FAILED, Reason.BAD_STREAM),
    "a web page": (sends(plain("200 OK", b"<html>hello</html>")), {}, FAILED, Reason.BAD_STREAM),
    "an empty body": (sends(plain("200 OK", b"")), {}, FAILED, Reason.EMPTY),
    "200 with an error body": (
        sends(plain("200 OK", b'{"error": {"message": "overloaded"}}')), {}, FAILED, Reason.NO_CAPACITY,
    ),
    "404": (sends(plain("404 Not Found", b"{}")), {}, FAILED, Reason.MODEL_NOT_FOUND),
    "429": (sends(plain("429 Too Many Requests", b"{}")), {}, FAILED, Reason.RATE_LIMITED),
    "cut": (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), {}, FAILED, Reason.CONNECTION_LOST),
    "reset": (resets(), {}, FAILED, Reason.CONNECTION_LOST),
    "no answer": (hangs, {"timeout": "200ms"}, FAILED, Reason.TOTAL_TIMEOUT),
}  # fmt: skip


async def seen_of(script: Script, **settings: Any) -> tuple[Observation, list[dict[str, object]]]:
    """The observation of one attempt, and what was asked."""
    async with bad_server(script) as server, bench() as here:
        seen = await observe(here, subject_of("embedding", server.url, **settings), TICK, 0, 1)
    return seen, server.requests


@pytest.mark.parametrize("name", CASES)
async def test_each_answer_has_its_name(name: str) -> None:
    """Nothing a server does raises."""
    script, settings, outcome, reason = CASES[name]
    seen, _ = await seen_of(script, **settings)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


async def test_length_norm_and_cosine_are_figures() -> None:
    """Of (3, 4) and (4, 3): 2, 5, and 24/25; the prompt's tokens as billed."""
    seen, requests = await seen_of(vectors([3.0, 4.0], [4.0, 3.0]))
    one, other = requests[0]["input"]  # type: ignore[misc]

    assert seen.figures == pytest.approx({"dimensions": 2.0, "norm": 5.0, "cosine": 0.96, "counted_in": 32.0})
    assert (seen.tokens.billed_in, seen.tokens.billed_out) == (9, None)
    assert one != other and str(one).startswith("nonce=")
    assert requests[0]["encoding_format"] == "float"


@pytest.mark.parametrize("vector", [[1e308, 1e308], [5e-324, 0.0]])
async def test_figures_are_finite_or_absent(vector: list[float]) -> None:
    """A norm beyond the largest number is unknown, not infinite."""
    seen, _ = await seen_of(vectors(vector, [1.0, 2.0]))

    assert seen.outcome is OK
    assert all(math.isfinite(value) for value in seen.figures.values())
