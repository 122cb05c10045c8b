"""burst: n requests at the same moment, one observation, and how many of them were refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from probes.attempt import observe
from probes.kinds.burst import nonce_of, percentile
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import (
    DONE,
    END,
    FINISH,
    STREAM_HEAD,
    USAGE,
    BadServer,
    Script,
    bad_server,
    plain,
    sends,
    token,
)
from tests.support.subjects import TICK, bench, subject_of

GOOD = sends(STREAM_HEAD, token("one "), token("two"), FINISH, USAGE, DONE, END)
SLOW = sends(STREAM_HEAD, 0.25, token("one "), token("two"), FINISH, USAGE, DONE, END)
LIMITED = sends(plain("429 Too Many Requests", b'{"error": {"message": "slow down"}}'))
FULL = sends(plain("503 Service Unavailable", b'{"error": {"message": "no slot"}}'))
CRASHED = sends(plain("500 Internal Server Error", b"oops"))
OK, DEGRADED, FAILED = Outcome.OK, Outcome.DEGRADED, Outcome.FAILED
# name: the server's answers in order, settings, outcome, reason
CASES: dict[str, tuple[Sequence[Script], dict[str, Any], Outcome, Reason | None]] = {
    "all answered": ([GOOD] * 8, {}, OK, None),
    "one of eight refused": ([GOOD] * 7 + [LIMITED], {}, FAILED, Reason.RATE_LIMITED),
    "one of eight refused, seven are enough": ([GOOD] * 7 + [LIMITED], {"answered_min": "80%"}, OK, None),
    "rate limited above four": ([GOOD] * 4 + [LIMITED] * 4, {}, FAILED, Reason.RATE_LIMITED),
    "no capacity above four": ([GOOD] * 4 + [FULL] * 3 + [CRASHED], {}, FAILED, Reason.NO_CAPACITY),
    "all crashed": ([CRASHED] * 8, {}, FAILED, Reason.HTTP_5XX),
    "half of them late": ([GOOD] * 4 + [SLOW] * 4, {"ttft_objective": "150ms"}, DEGRADED, Reason.SLOW),
    "three of four good, three are enough": ([GOOD] * 3 + [LIMITED], {"answered_min": "75%"}, OK, None),
    "three of four late, three are enough": (
        [SLOW] * 3 + [LIMITED], {"answered_min": "75%", "ttft_objective": "150ms"}, DEGRADED, Reason.SLOW,
    ),
}  # fmt: skip


def in_turn(scripts: Sequence[Script]) -> Script:
    """The first connection gets the first script, and so on."""
    left = list(scripts)

    async def run(reader: Any, writer: Any, request: dict[str, object]) -> None:
        await left.pop(0)(reader, writer, request)

    return run


async def seen_of(scripts: Sequence[Script], **settings: Any) -> tuple[Observation, BadServer]:
    """The observation of one burst."""
    async with bad_server(in_turn(scripts)) as server, bench() as here:
        subject = subject_of("burst", server.url, n=len(scripts), **settings)
        return await observe(here, subject, TICK, 0, 1), server


@pytest.mark.parametrize("name", CASES)
async def test_a_burst_is_what_most_of_it_was(name: str) -> None:
    """Good with enough good answers, degraded with enough answers, else failed with the commonest reason."""
    scripts, settings, outcome, reason = CASES[name]
    seen, _ = await seen_of(scripts, **settings)

    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


async def test_every_request_is_counted_once_and_those_answered_have_a_spread() -> None:
    """Figures; the first tokens are those of the answered ones."""
    seen, _ = await seen_of([*[GOOD] * 3, SLOW, LIMITED, LIMITED, FULL, CRASHED])
    f = seen.figures

    assert (f["n"], f["n_ok"], f["n_rate_limited"], f["n_no_capacity"], f["n_failed"]) == (8, 4, 2, 1, 1)
    assert f["ttft_min_ms"] <= f["ttft_p50_ms"] <= f["ttft_p95_ms"] == f["ttft_max_ms"]
    assert f["ttft_max_ms"] >= 245
    assert f["ttft_spread_ms"] == pytest.approx(f["ttft_max_ms"] - f["ttft_min_ms"])
    assert f["sent_spread_ms"] >= 0
    assert (seen.tokens.billed_out, seen.tokens.chunks) == (4 * 3, 4 * 2)
    assert seen.detail.startswith("2 of 8: HTTP 429")
    assert seen.http_status == 429


async def test_the_requests_are_open_at_the_same_time_and_each_has_a_prompt_of_its_own() -> None:
    """Eight servers' answers of 250 ms take far less than two seconds; no two prompts are the same."""
    seen, server = await seen_of([SLOW] * 8)
    prompts = {str(request["messages"]) for request in server.requests}

    assert seen.outcome is OK
    assert len(prompts) == 8
    assert seen.timings.total_ms is not None and 245 <= seen.timings.total_ms < 1500
    assert (seen.timings.first_token_ms, seen.timings.arrivals_ms) == (None, ())


async def test_without_any_answer_there_is_no_time_to_a_first_token() -> None:
    """Absent, not zero."""
    seen, _ = await seen_of([FULL] * 2)

    assert {name for name in seen.figures if name.startswith("ttft")} == set()
    assert seen.tokens.billed_out is None


def test_the_plan_counts_every_request() -> None:
    """n of them a tick."""
    module = subject_of("burst", "http://127.0.0.1:1/v1", n=16).module

    assert module.requests == 16


def test_nonces_of_a_burst_are_derived_and_different() -> None:
    """From the observation's own, so that a replay asks the same."""
    nonces = {nonce_of("feedfacefeedface", number) for number in range(256)}

    assert len(nonces) == 256
    assert {len(nonce) for nonce in nonces} == {16}


def test_a_percentile_is_one_of_the_values() -> None:
    """Nearest rank."""
    ten = [float(number) for number in range(1, 11)]

    assert [percentile(ten, share) for share in (0.5, 0.95, 0.0, 1.0)] == [5, 10, 1, 10]
    assert percentile([3.0], 0.95) == 3
