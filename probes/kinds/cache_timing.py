"""
`cache_timing`: whether a prompt that was just asked is answered sooner than a fresh one. OpenAI-compatible chat.

Each tick is one arm, by the nonce, of two requests: `hit` asks a fresh long prompt, waits, and asks it again; `miss`
asks another one first. The time to first token of the second is kept, so a server that has to wake up does so in both
arms. They come interleaved at random, so that the load of the hour is in both.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.budget import FIRST_BILLED
from probes.contract import Ask, Finding
from probes.prompt import draws, long_prompt
from probes.sampling import SamplingModule, sampled
from probes.streaming import length_of, module_of
from schemas.observation import ANSWERED
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "cache"
HIT, MISS = "hit", "miss"


class CacheTimingModule(SamplingModule):
    """A long prompt that was just asked, or one of which only another was."""

    kind: Literal["cache_timing"]
    interval: Annotated[DurationS, Field(ge=1)] = 75_600.0  # about a hundred a quarter
    timeout: DurationS = 120.0
    ttft_timeout: DurationS = 60.0
    connection: Literal["cold", "warm", "alternate"] = "warm"
    max_tokens: Annotated[int, Field(ge=1, le=1000)] = 1
    prompt_tokens: Annotated[int, Field(ge=100, le=100_000)] = Field(default=5000, description="about this many")
    gap: DurationS = Field(default=1.0, description="from the first answer to asking again")

    @property
    def requests(self) -> int:
        """Requests of one tick."""
        return 2

    @property
    def tokens_in(self) -> int:
        """Prompt tokens of one request."""
        return self.prompt_tokens


async def cache_timing(ask: Ask) -> Finding:
    """Ask twice, the same or another prompt first as the nonce says, and keep the second time to first token."""
    module, arm = module_of(ask), arm_of(ask.nonce)
    assert isinstance(module, CacheTimingModule)
    before = ask.nonce if arm == HIT else other_nonce(ask.nonce)
    first, second = (long_prompt(nonce, module.prompt_tokens, length_of(ask)).text for nonce in (before, ask.nonce))

    def keep(answer: Answer, found: Finding) -> tuple[Sample, ...]:
        ttft_ms = found.timings.first_token_ms
        cached = "" if answer.cached_in is None else str(answer.cached_in)
        return () if ttft_ms is None else (Sample(SERIES, arm, ttft_ms, cached),)

    woken = await sampled(ask, first, keep)
    if woken.outcome not in ANSWERED:
        return replace(woken, samples=())
    await ask.clock.sleep(module.gap)
    return with_bill_of(woken, await sampled(ask, second, keep))


def arm_of(nonce: str) -> str:
    """Which arm a tick is: either as often as the other."""
    return HIT if draws(nonce, "arm", 1)[0] % 2 else MISS


def other_nonce(nonce: str) -> str:
    """A nonce that is as unique as *nonce*, and as long."""
    return hashlib.sha256(f"cache before {nonce}".encode()).hexdigest()[: len(nonce)]


def with_bill_of(first: Finding, second: Finding) -> Finding:
    """*second*, with what *first* was billed among its figures."""
    billed = zip(FIRST_BILLED, (first.tokens.billed_in, first.tokens.billed_out), strict=True)
    known = {name: float(tokens) for name, tokens in billed if tokens is not None}
    return replace(second, figures={**second.figures, **known})
