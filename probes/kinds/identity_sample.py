"""
`identity_sample`: one prompt of an unpublished set at temperature 1, for the comparison with a trusted reference.

The prompt is the reference's to the letter, so it holds no nonce; the prompts of the set come in turn.
OpenAI-compatible chat.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.sampling import PromptSetModule, kept, number_of, prompt_in_turn, sampled
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "identity"
TOKENS_UNKNOWN = -1.0


class IdentitySampleModule(PromptSetModule):
    """One prompt of an unpublished set, at temperature 1."""

    kind: Literal["identity_sample"]
    interval: Annotated[DurationS, Field(ge=1)] = 1728.0  # fifty a day
    max_tokens: Annotated[int, Field(ge=1, le=75)] = 75


async def identity_sample(ask: Ask) -> Finding:
    """Ask the prompt whose turn it is, and keep the answer."""
    item, text = prompt_in_turn(ask, number_of(ask))

    def keep(answer: Answer, _found: Finding) -> tuple[Sample, ...]:
        billed = TOKENS_UNKNOWN if answer.billed_out is None else float(answer.billed_out)
        return (Sample(SERIES, item, billed, kept(answer.text)),)

    return await sampled(ask, text, keep)
