"""Objectives (SLO): our own targets for providers, and the policy by which a budget that burns is said."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from schemas.fleet import Name, Strict
from schemas.observation import Blame, Observation, Outcome, Source
from schemas.probe_kinds import SERVING_KINDS
from schemas.quantity import DurationS, Ratio

LONG_KINDS = frozenset({"long_prompt"})  # meant to take their time: no objective of the first token counts them


class Alarm(StrEnum):
    """What a burning budget calls for."""

    PAGE = "page"  # somebody is told now
    TICKET = "ticket"  # it is written down


class BurnPair(Strict):
    """
    Two windows that must both burn: *spent* of the budget within *long*, and still doing so within *short*.

    The threshold is how many times faster than allowed that is: spent x period / long.
    """

    alarm: Alarm
    spent: Ratio
    long: DurationS
    short: DurationS

    @model_validator(mode="after")
    def _short_is_shorter(self) -> BurnPair:
        if self.short >= self.long:
            raise ValueError("short is not shorter than long")
        if self.spent == 0:
            raise ValueError("spent is 0: such a rule always burns")
        return self

    def threshold(self, period_s: float) -> float:
        """The burn rate above which it fires, for a budget of *period_s*."""
        return _threshold(self.spent, self.long, period_s)


def _threshold(spent: float, long_s: float, period_s: float) -> float:
    return round(spent * period_s / long_s, 12)


@lru_cache(maxsize=1024)  # asked for with every reading
def _bad_above(spent: float, long_s: float, period_s: float, budget: float) -> float:
    return round(_threshold(spent, long_s, period_s) * budget, 12)


def _pair(alarm: Alarm, spent: float, long_h: float, short_h: float) -> BurnPair:
    return BurnPair(alarm=alarm, spent=spent, long=long_h * 3600.0, short=short_h * 3600.0)


# The SRE Workbook's pairs (chapter 5), and the two for tickets: 14.4, 6, 3 and 1 over 30 days.
PAIRS = (
    _pair(Alarm.PAGE, 0.02, 1, 1 / 12),
    _pair(Alarm.PAGE, 0.05, 6, 0.5),
    _pair(Alarm.TICKET, 0.10, 24, 2),
    _pair(Alarm.TICKET, 0.10, 72, 6),
)


class BurnPolicy(Strict):
    """When a burning budget is said: on *bad_min* bad ones in the long window; a ticket needs Wilson's bound, too."""

    pairs: tuple[BurnPair, ...] = Field(default=PAIRS, max_length=12)
    bad_min: Annotated[int, Field(ge=1, le=1000)] = 3
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(
        default=0.99, description="of the bound of tickets, and of the proof that a burn is over"
    )

    @field_validator("pairs")
    @classmethod
    def _at_least_one(cls, pairs: tuple[BurnPair, ...]) -> tuple[BurnPair, ...]:
        if not pairs:
            raise ValueError("no pairs: leave it out for the usual ones, or the objective out altogether")
        return pairs

    def of(self, alarm: Alarm) -> tuple[BurnPair, ...]:
        """The pairs that call for *alarm*."""
        return tuple(pair for pair in self.pairs if pair.alarm is alarm)


class Objective(Strict):
    """
    Our own target (SLO) for each target of the providers that match: of availability, or, with *ttft*, of latency.

    Availability is the share of requests that were answered; latency the share of answers whose first token came
    within *ttft*.
    """

    name: Name
    providers: tuple[str, ...] = ("*",)
    objective: Ratio
    window: DurationS = 30 * 86400.0
    ttft: DurationS | None = Field(default=None, description="a first token within this is good; null: availability")
    burn: BurnPolicy = BurnPolicy()

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.objective, 12)

    def covers(self, provider: str) -> bool:
        """Whether *provider* matches one of the patterns."""
        return any(fnmatchcase(provider, pattern) for pattern in self.providers)

    def bad_above(self, pair: BurnPair) -> float:
        """The share of bad ones above which a window of *pair* burns; from 1 on nothing can."""
        return _bad_above(pair.spent, pair.long, self.window, self.budget)

    def judges(self, one: Observation) -> bool | None:
        """
        Whether *one* is good for this objective; None when it says nothing.

        Only first attempts of our own probes of kinds that serve count; what was not observed, or is not the
        provider's fault, is neither good nor bad.
        """
        if one.kind not in SERVING_KINDS or one.confirm or one.source is not Source.ACTIVE:
            return None
        answered = one.outcome in {Outcome.OK, Outcome.DEGRADED}
        if self.ttft is None:
            return answered if answered or (one.outcome is Outcome.FAILED and one.blame is Blame.PROVIDER) else None
        first_ms = one.timings.first_token_ms
        if not answered or first_ms is None or one.distrust is not None or one.kind in LONG_KINDS:
            return None
        return first_ms <= self.ttft * 1000


def windows_of(objectives: tuple[Objective, ...], alarm: Alarm) -> tuple[float, ...]:
    """Every window, in s, that the pairs of *objectives* which call for *alarm* look at, the shortest first."""
    pairs = (pair for objective in objectives for pair in objective.burn.of(alarm))
    return tuple(sorted({window for pair in pairs for window in (pair.long, pair.short)}))
