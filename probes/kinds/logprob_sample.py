"""
`logprob_sample`: the log-probabilities of the first token, where an endpoint offers them. OpenAI-compatible chat.

They move with the model and the arithmetic under it, at the price of one token. Only the first token counts, because
those after it depend on which one was drawn. Of an endpoint that offers none, that is what is kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.sampling import PromptSetModule, kept, number_of, prompt_in_turn, sampled
from probes.streaming import module_of
from schemas.observation import Reason
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "logprob"
NOT_OFFERED_SERIES = "logprob_not_offered"
TOKEN_CHARS = 100
_NAMED = "logprob"  # in the words of a refusal


class LogprobSampleModule(PromptSetModule):
    """The log-probabilities of one token."""

    kind: Literal["logprob_sample"]
    interval: Annotated[DurationS, Field(ge=1)] = 21_600.0  # four a day, one in each block of six hours
    max_tokens: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="tokens of one answer; some endpoints take no fewer than 16, of which the first counts"
    )
    prompts: Annotated[int, Field(ge=1, le=100)] = Field(default=4, description="prompts of the set in use")
    top_logprobs: Annotated[int, Field(ge=1, le=20)] = Field(
        default=20, description="how many of the likeliest tokens are asked for; some endpoints tell fewer"
    )


async def logprob_sample(ask: Ask) -> Finding:
    """Ask the prompt whose turn it is, and keep the likeliest first tokens with their logprobs."""
    module = module_of(ask)
    assert isinstance(module, LogprobSampleModule)
    item, text = prompt_in_turn(ask, number_of(ask))

    def keep(answer: Answer, _found: Finding) -> tuple[Sample, ...]:
        told = answer.likeliest[: module.top_logprobs]
        return tuple(Sample(SERIES, item, logprob, kept(token, TOKEN_CHARS)) for token, logprob in told) or (
            Sample(NOT_OFFERED_SERIES, item, 200.0),
        )

    found = await sampled(ask, text, keep, extra={"logprobs": True, "top_logprobs": module.top_logprobs})
    return replace(found, samples=(_refusal(item, found),)) if refused(found) else found


def refused(found: Finding) -> bool:
    """Whether the endpoint turned the request away because of the logprobs that it asks for."""
    return found.reason is Reason.BAD_REQUEST and _NAMED in found.detail.lower()


def _refusal(item: str, found: Finding) -> Sample:
    return Sample(NOT_OFFERED_SERIES, item, float(found.http_status or 0), kept(found.detail))
