"""When a provider, a cluster or a model came into another tier, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from collector.judgement.wording import availability_bounds
from schemas.verdict import Tier, Verdict

PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class TierChange:
    """
    At *at*, *name* (a provider, or of its parts one of *level*) came from *before* into *after* for *reasons*.

    before: None for the first verdict. The bounds of availability are those it stood on then, of *n* observations.
    """

    at: datetime
    level: str
    name: str
    before: Tier | None
    after: Tier
    reasons: tuple[str, ...]
    availability_low: float | None
    availability_high: float | None
    n: int


def changes(verdicts: Iterable[Verdict]) -> Iterator[TierChange]:
    """Every change that *verdicts* made, in their order: the provider's, then its parts'."""
    for one in verdicts:
        if one.tier is not one.previous:
            low, high = availability_bounds(one)
            yield TierChange(one.at, PROVIDER, one.provider, one.previous, one.tier, one.reasons, low, high, one.n)
        for part in one.parts:
            if part.tier is not part.previous:
                yield TierChange(
                    one.at, part.level.value, part.name, part.previous, part.tier, part.reasons,
                    part.availability_low, part.availability_high, part.n,
                )  # fmt: skip
