"""What every probe module says whose answer is a stream of tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.config import Expect, Module
from schemas.quantity import DurationS


class StreamingModule(Module):
    """The limits of time and length, the objective and the content check."""

    ttft_timeout: DurationS = 15.0
    stall_timeout: DurationS = 10.0
    max_tokens: Annotated[int, Field(ge=1, le=100_000)] = 64
    max_tokens_min: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="lower end when the length varies per tick (token arithmetic needs varied lengths)"
    )
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    ttft_objective: DurationS | None = Field(default=None, description="slower than this is degraded, `slow`")
    expect: Expect = Expect()

    @property
    def hang_s(self) -> float:
        """No first token."""
        return min(self.ttft_timeout, self.timeout)

    @property
    def shortest(self) -> int:
        """The least that is asked for."""
        return self.max_tokens if self.max_tokens_min is None else min(self.max_tokens_min, self.max_tokens)

    @property
    def tokens_out(self) -> float:
        """The mean of the lengths asked for."""
        return (self.max_tokens + self.shortest) / 2
