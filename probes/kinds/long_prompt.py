"""
`long_prompt`: a chat completion with a generated prompt of many tokens. OpenAI-compatible.

What prefilling costs, and whether the whole prompt is read: the nonce stands at its start, and at its end the model is
asked to repeat it (`expect.echo_nonce` checks that).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from probes.contract import Ask, Finding
from probes.kinds.chat_stream import CHAT
from probes.prompt import long_prompt as prompt_of_tokens
from probes.streaming import length_of, module_of, streamed
from probes.streaming_module import StreamingModule
from schemas.quantity import DurationS


class LongPromptModule(StreamingModule):
    """A chat completion with a prompt of many tokens."""

    kind: Literal["long_prompt"]
    interval: DurationS = 900.0
    timeout: DurationS = 120.0
    ttft_timeout: DurationS = 60.0
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 32
    prompt_tokens: Annotated[int, Field(ge=100, le=250_000)] = Field(
        default=10_000, description="about this many; how many it was is billed, and a figure"
    )

    @property
    def tokens_in(self) -> int:
        """Prompt tokens of one request."""
        return self.prompt_tokens


async def long_prompt(ask: Ask) -> Finding:
    """Ask one long prompt and say what became of it."""
    module = module_of(ask)
    assert isinstance(module, LongPromptModule)
    finding = await streamed(ask, CHAT, prompt_of_tokens(ask.nonce, module.prompt_tokens, length_of(ask)))
    return replace(finding, figures={**finding.figures, **figures(module.prompt_tokens, finding.tokens.billed_in)})


def figures(asked: int, billed: int | None) -> dict[str, float]:
    """Prompt tokens asked for and billed; without usage, what was billed is unknown."""
    found = {"prompt_tokens_asked": float(asked)}
    return found if billed is None else found | {"prompt_tokens_billed": float(billed)}
