"""What checks of bills and of speed stand on: sums over answers of a day, and how fast single answers were decoded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Side(StrEnum):
    """Which tokens of a bill."""

    PROMPT = "prompt"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True, order=True)
class TokenSums:
    """
    One target's answers of one UTC day, seen from one vantage by one kind of probe: x tokens counted, y billed.

    answers: complete ones. n: those of them with an exact count and a bill, over which the sums are. missing: those
    without a bill. capped: those with a bill and a known max_tokens; overruns: those billed for more than that (0 on
    the side of the prompt). A kind has a template of its own, so slopes are of within kinds, never across.
    """

    target: str
    day: date
    vantage: str
    kind: str
    side: Side
    streamed: bool
    answers: int
    n: int
    sum_x: int
    sum_y: int
    sum_xx: int
    sum_xy: int
    sum_yy: int
    missing: int
    capped: int
    overruns: int


@dataclass(frozen=True, slots=True, order=True)
class DecodeSpeed:
    """
    One answer: its tokens, and the ms from the request's last byte to the last token.

    exact: counted by us; else as billed. context: tokens of the prompt, as billed, else as counted; what was
    decoded had at least so many before it.
    """

    tick: datetime
    target: str
    vantage: str
    kind: str
    tokens: int
    ms: float
    exact: bool
    context: int | None

    @property
    def tokens_per_s(self) -> float:
        """(tokens - 1) / (t_last - t_sent), the time to the first token included: a flushed buffer fakes no speed."""
        return (self.tokens - 1) * 1000 / self.ms


@dataclass(frozen=True, slots=True, eq=False)
class Bills:
    """What one target counted and billed in a period. Told apart by identity: all others' peer, and looked at once."""

    target: str
    rows: tuple[TokenSums, ...]
