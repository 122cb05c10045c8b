"""http_request: an allowed status, the expected words, in time; everything else has its name."""

from __future__ import annotations

import pytest

from probes.attempt import observe
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import Script, bad_server, hangs, plain, resets, sends
from tests.support.subjects import TICK, bench, http_subject

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
CASES: dict[str, tuple[Script, dict[str, object], Outcome, Reason | None]] = {
    "fine": (sends(plain("200 OK", b"up")), {}, Outcome.OK, None),
    "an allowed status": (sends(plain("204 No Content", b"")), {"status": (200, 204)}, Outcome.OK, None),
    "a status not allowed": (sends(plain("204 No Content", b"")), {}, Outcome.FAILED, Reason.HTTP_UNEXPECTED),
    "5xx": (sends(plain("502 Bad Gateway", b"")), {}, Outcome.FAILED, Reason.HTTP_5XX),
    "unexpected words": (
        sends(plain("200 OK", b"down")), {"expect": {"contains": "up"}}, Outcome.DEGRADED, Reason.WRONG_CONTENT,
    ),
    "slow": (
        sends(0.1, plain("200 OK", b"up")), {"total_objective": "50ms"}, Outcome.DEGRADED, Reason.SLOW,
    ),
    "hanging": (hangs, {"timeout": "200ms"}, Outcome.FAILED, Reason.TOTAL_TIMEOUT),
    "cut body": (sends(CUT), {}, Outcome.FAILED, Reason.CONNECTION_LOST),
    "reset": (resets(), {}, Outcome.FAILED, Reason.CONNECTION_LOST),
    "garbage": (sends(b"hello\r\n\r\n"), {}, Outcome.FAILED, Reason.BAD_STREAM),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
async def test_each_behaviour_of_a_server_has_its_name(name: str) -> None:
    """Nothing a server does raises."""
    script, settings, outcome, reason = CASES[name]
    async with bad_server(script) as server, bench() as here:
        seen: Observation = await observe(here, http_subject(server.url, **settings), TICK, 0, 1)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail
