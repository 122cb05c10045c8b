"""Evidence: the result of one integrity check on one subject, with its error rates and what it could have caught."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Family(StrEnum):
    """What a check is about; two families are independent when they look at different facts."""

    BILLING = "billing"
    IDENTITY = "identity"
    GEO = "geo"
    HARDWARE = "hardware"
    CACHE = "cache"
    CHANGE = "change"
    CONFORMANCE = "conformance"


ACCUSING = frozenset({Family.BILLING, Family.IDENTITY, Family.GEO, Family.HARDWARE})  # the others never lead to suspect


class Grade(StrEnum):
    """How much one contradiction is worth."""

    CONTRADICTION = "A"  # arithmetic or physics: one of them, replicated, is enough
    STATISTICAL = "B"  # needs another family beside it
    CHANGE = "C"  # something is other than before, which accuses nobody
    BADGE = "badge"


class Standing(StrEnum):
    """
    What a check says of a claim, the worst first.

    There is no `verified`: not rejected is shown with what would have been caught.
    """

    CONTRADICTED = "contradicted"
    NOTICED = "noticed"  # worth saying, accuses nobody: a change, a cache, a formatting habit
    NOT_REJECTED = "not_rejected"
    INSUFFICIENT = "insufficient"


STANDING_WORDS = MappingProxyType(
    {
        Standing.CONTRADICTED: "contradicted",
        Standing.NOTICED: "noticed",
        Standing.NOT_REJECTED: "not rejected",
        Standing.INSUFFICIENT: "insufficient data",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What a check found of *subject* (a target's, cluster's or provider's id).

    claim: what is asserted, in words. reason: a code of the check's own closed vocabulary; said: the same in one
    sentence. value is compared with threshold in *unit*; low and high bound it. e: an e-value (at least 0, its mean is
    at most 1 while the claim and the *assumptions* hold; 1 without evidence). days and vantages: how many of each
    contradict by themselves, for class A. smallest: the least effect that would have been caught, in words, with its
    power. arithmetic: the lines that lead from rows to e, as `touchstone explain` prints them.
    """

    check: str
    family: Family
    grade: Grade
    subject: str
    claim: str
    standing: Standing
    reason: str
    said: str
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    n: int = 0
    p: float | None = None
    e: float = 1.0
    assumptions: tuple[str, ...] = ()
    days: int = 0
    vantages: int = 0
    smallest: str = ""
    arithmetic: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.e >= 0:
            raise ValueError(f"an e-value is at least 0: {self.e}")
        if self.standing is Standing.INSUFFICIENT and self.e != 1.0:
            raise ValueError(f"insufficient data is no evidence: e is 1, not {self.e}")
