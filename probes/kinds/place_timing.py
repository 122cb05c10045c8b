"""
`place_timing`: how soon the first byte comes that depends on what was asked. OpenAI-compatible chat.

Light has to go from here to the machine that reads the prompt and back. A connection ends at an edge, and an edge may
begin to answer by itself; so what counts is the first text of the answer that holds the nonce.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from probes.answer import Answer
from probes.contract import Ask, Finding
from probes.sampling import SamplingModule, sampled
from schemas.quantity import DurationS
from schemas.sample import Sample

SERIES = "place"
TOKENS_IN = 40
KNOWN_CHARS = 8  # of the nonce, 32 bits: nobody says them who has not read it


class PlaceTimingModule(SamplingModule):
    """A code to say at once."""

    kind: Literal["place_timing"]
    interval: Annotated[DurationS, Field(ge=1)] = 86_400.0  # thirty a month from each vantage
    connection: Literal["cold", "warm", "alternate"] = "warm"
    max_tokens: Annotated[int, Field(ge=8, le=100)] = 16
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0

    @property
    def tokens_in(self) -> int:
        """Prompt tokens of one request."""
        return TOKENS_IN


async def place_timing(ask: Ask) -> Finding:
    """Ask for the code, and keep when its beginning came."""

    def keep(answer: Answer, found: Finding) -> tuple[Sample, ...]:
        at = first_of(answer.texts, ask.nonce)
        arrivals_ms = found.timings.arrivals_ms
        if at is None or len(arrivals_ms) != len(answer.texts):
            return ()
        return (Sample(SERIES, "", arrivals_ms[at]),)

    return await sampled(ask, f"Code {ask.nonce}. Say this code at once, and write nothing else.", keep)


def first_of(texts: list[str], nonce: str) -> int | None:
    """Which of *texts* holds the first character of the *nonce*; None when not enough of it was said to be sure."""
    start = "".join(texts).find(nonce[:KNOWN_CHARS])
    if start < 0:
        return None
    said = 0
    for number, text in enumerate(texts):
        said += len(text)
        if said > start:
            return number
    return None
