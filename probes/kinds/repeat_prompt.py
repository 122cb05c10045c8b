"""
`repeat_prompt`: the same open prompt all day at temperature 1; whole answers that are the same were not generated.

Of an answer its hash is kept, when it is long enough that chance would not repeat it. OpenAI-compatible chat.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.sampling import PromptSetModule, day_of, prompt_in_turn, sampled
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "repeat"
TOKENS_MIN = 50  # a shorter answer can be the same by chance
DIGEST_HEX = 16


class RepeatPromptModule(PromptSetModule):
    """One open prompt of an unpublished set, asked again all day."""

    kind: Literal["repeat_prompt"]
    interval: Annotated[DurationS, Field(ge=1)] = 17_280.0  # five a day
    max_tokens: Annotated[int, Field(ge=TOKENS_MIN, le=1000)] = 120
    prompts: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=5, description="prompts of the set in use, one for each day in turn"
    )


async def repeat_prompt(ask: Ask) -> Finding:
    """Ask the day's prompt, and keep the hash of the answer."""
    item, text = prompt_in_turn(ask, day_of(ask))

    def keep(answer: Answer, _found: Finding) -> tuple[Sample, ...]:
        return (Sample(SERIES, item, float(len(answer.text)), digest_of(answer)),)

    return await sampled(ask, text, keep)


def digest_of(answer: Answer) -> str:
    """16 hex digits of the SHA-256 of the whole answer; empty when it surely has not enough tokens."""
    tokens = max(len(answer.arrivals), len(answer.text.split()))  # of each there are at least as many tokens
    if tokens < TOKENS_MIN:
        return ""
    return hashlib.sha256(answer.text.encode(errors="replace")).hexdigest()[:DIGEST_HEX]
