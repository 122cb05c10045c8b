"""
`echo_challenge`: say a code that nobody has seen, then a product. A recording cannot do it; OpenAI-compatible chat.

Code and number are drawn from the nonce. It proves that answers are generated where identical ones raised a doubt.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.prompt import draws
from probes.sampling import SamplingModule, kept, sampled
from schemas.observation import Reason
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "echo"
FACTOR = 17
ANSWER_CHARS = 100
TOKENS_IN = 50
_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})*(?!\w|\.\d|,\d)|(?<![\w.])\d+(?!\w|\.\d|,\d)")


class EchoChallengeModule(SamplingModule):
    """A code to say, and a product to work out."""

    kind: Literal["echo_challenge"]
    interval: Annotated[DurationS, Field(ge=1)] = 24_192.0  # twenty-five a week
    max_tokens: Annotated[int, Field(ge=24, le=1000)] = 64
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0

    @property
    def tokens_in(self) -> int:
        """Prompt tokens of one request."""
        return TOKENS_IN


async def echo_challenge(ask: Ask) -> Finding:
    """Ask for code and product, and keep whether they came."""
    number = number_of_nonce(ask.nonce)

    def check(answer: Answer) -> tuple[Reason | None, str]:
        if right(answer.text, ask.nonce, number):
            return None, ""
        return Reason.WRONG_CONTENT, f"code {ask.nonce} or {FACTOR} times {number} not in {answer.text[:80]!r}"

    def keep(answer: Answer, _found: Finding) -> tuple[Sample, ...]:
        value = 1.0 if right(answer.text, ask.nonce, number) else 0.0
        return (Sample(SERIES, ask.nonce, value, kept(answer.text, ANSWER_CHARS)),)

    return await sampled(ask, question(ask.nonce), keep, check=check)


def question(nonce: str) -> str:
    """What is asked, with the nonce for a code."""
    return (
        f"Code {nonce}. Repeat this code exactly, then write what {FACTOR} times {number_of_nonce(nonce)} is. "
        "Write nothing else."
    )


def number_of_nonce(nonce: str) -> int:
    """The other factor, of two digits."""
    return 11 + draws(nonce, "echo", 1)[0] % 89


def right(text: str, code: str, number: int) -> bool:
    """Whether *text* holds the code, and the product as a number of its own."""
    found = _NUMBER.findall(text.replace(code, " "))
    return code in text and str(FACTOR * number) in {one.replace(",", "") for one in found}
