"""
`border_input`: one token at temperature 0 for an input at which two tokens are nearly as likely.

Whatever changes the model or the arithmetic under it tips such an input over, at the price of one token. Which of a
set's candidates lie on a border depends on the model, and is found once (`touchstone prompts borders`).
OpenAI-compatible chat.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.prompt_set import BORDER_INPUTS_MAX, border_input_of, key_of, turn
from probes.sampling import SamplingModule, SetName, kept, number_of, sampled
from probes.streaming import module_of
from schemas.errors import TouchstoneError
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "border"
TOKENS_IN = 16

Index = Annotated[int, Field(ge=0, lt=BORDER_INPUTS_MAX)]


class BorderInputModule(SamplingModule):
    """One token for an input on the border between two."""

    kind: Literal["border_input"]
    interval: Annotated[DurationS, Field(ge=1)] = 5760.0  # fifteen a day
    max_tokens: Annotated[int, Field(ge=1, le=8)] = 1
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    set: SetName = Field(description="the name of the set of candidates; a new name gives new ones")
    inputs: tuple[Index, ...] = Field(
        min_length=1, max_length=100, description="numbers of the candidates that lie on a border of this model"
    )

    @property
    def tokens_in(self) -> int:
        """Prompt tokens of one request."""
        return TOKENS_IN


async def border_input(ask: Ask) -> Finding:
    """Ask the input whose turn it is, and keep its one token."""
    item, text = input_in_turn(ask)

    def keep(answer: Answer, _found: Finding) -> tuple[Sample, ...]:
        return (Sample(SERIES, item, 0.0, kept(answer.text)),)

    return await sampled(ask, text, keep)


def input_in_turn(ask: Ask) -> tuple[str, str]:
    """(item, prompt) of the input whose turn it is; raises TouchstoneError without a secret."""
    module, secret = module_of(ask), ask.subject.secret_bytes
    assert isinstance(module, BorderInputModule)
    try:
        key = key_of(secret, module.set)
        index = module.inputs[turn(key, ask.subject.phase_key, number_of(ask), len(module.inputs))]
        return f"{module.set}:{index:03}", border_input_of(secret, module.set, index)
    except ValueError as error:
        raise TouchstoneError(str(error)) from error
