"""long_prompt: the size that was asked for, what was billed for it, and whether the start of it was read."""

from __future__ import annotations

from typing import Any

import pytest

from probes.attempt import observe
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import DONE, END, FINISH, STREAM_HEAD, bad_server, event, sends, token
from tests.support.subjects import TICK, bench, subject_of


async def seen_of(*, keeps: int | None, usage: bool = True, **settings: Any) -> Observation:
    """The observation of a server that keeps the last *keeps* characters of a prompt (None: all); it says the nonce."""

    async def reads(reader: Any, writer: Any, request: dict[str, Any]) -> None:
        prompt = request["messages"][0]["content"]
        kept = prompt if keeps is None else prompt[-keeps:]
        nonce = kept.partition("nonce=")[2].partition(".")[0]
        billed = event({"choices": [], "usage": {"prompt_tokens": len(prompt.split()), "completion_tokens": 2}})
        said = (token(f"{nonce} "), token("rivers"), FINISH, *([billed] if usage else []), DONE, END)
        await sends(STREAM_HEAD, *said)(reader, writer, request)

    expect = {"echo_nonce": True}
    async with bad_server(reads) as server, bench() as here:
        return await observe(here, subject_of("long_prompt", server.url, expect=expect, **settings), TICK, 0, 1)


@pytest.mark.parametrize("tokens", [1_000, 10_000, 100_000])
async def test_what_was_asked_for_and_what_was_billed_are_figures(tokens: int) -> None:
    """A server that bills words: some fifth less, for names and full stops."""
    seen = await seen_of(keeps=None, prompt_tokens=tokens)

    assert (seen.outcome, seen.reason) == (Outcome.OK, None), seen.detail
    assert seen.figures["prompt_tokens_asked"] == tokens
    assert seen.figures["prompt_tokens_billed"] == seen.tokens.billed_in
    assert 0.7 * tokens <= seen.figures["prompt_tokens_billed"] <= tokens


async def test_without_usage_what_was_billed_is_unknown() -> None:
    """Not zero: absent."""
    seen = await seen_of(keeps=None, usage=False, prompt_tokens=1_000)

    assert {name for name in seen.figures if name.startswith("prompt")} == {"prompt_tokens_asked"}


async def test_a_server_that_drops_the_start_of_a_prompt_is_found_out() -> None:
    """The nonce stands there and nowhere else."""
    seen = await seen_of(keeps=2_000, prompt_tokens=10_000)

    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.WRONG_CONTENT)


def test_the_plan_counts_the_prompt() -> None:
    """Its tokens in, and the short answer out."""
    module = subject_of("long_prompt", "http://127.0.0.1:1/v1", prompt_tokens=100_000).module

    assert (module.tokens_in, module.tokens_out, module.requests) == (100_000, 32, 1)
