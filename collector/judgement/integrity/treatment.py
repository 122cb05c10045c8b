"""
Are some clients treated better than others? Probes against traffic, and known accounts against fresh ones.

A provider can recognise its probes, by their account or by their prompts. So real traffic, or an account that it has
hardly seen yet, is compared with them over the same targets in the same blocks of time (judgement/double_standard).

The family is conformance, which accuses nobody: nothing that was claimed or billed is shown to be false by it, and
there are honest reasons (a longer way, a client that queues, a smaller quota of a new account). p is the smaller of
both p-values times two, and never below the tests' own limit, since the normal tail is trusted no further; the e-value
is 0.3 p^-0.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from collector.judgement.double_standard import (
    ALPHA,
    FAILURES_MIN,
    N_MIN,
    RATIO_MIN,
    REASON,
    STRATA_MIN,
    WORDS,
    Comparison,
    DoubleStandard,
    FailureStratum,
    TtftStratum,
    double_standard,
)
from collector.judgement.integrity.e_value import p_to_e
from schemas.evidence import Evidence, Family, Grade, Standing

CHECK = "treatment"
TESTS = 2
FRESH_DAYS = 14  # from an account's first request on: so long it is fresh, then it is known


class Groups(StrEnum):
    """Who is compared: those that the provider knows, then those that it does not."""

    PROBES_AND_TRAFFIC = "probes_and_traffic"
    KNOWN_AND_FRESH = "known_and_fresh"


REASONS: Mapping[str, str] = MappingProxyType(
    {
        REASON: WORDS,
        "known_accounts_treated_better": "fresh accounts fare worse than known ones, same targets and hours",
        "treated_alike": "both fare alike with the same targets in the same hours",
        "too_little_of_the_same": f"fewer than {STRATA_MIN} blocks or {N_MIN} requests of the same were seen of both",
    }
)
_BETTER = MappingProxyType({Groups.PROBES_AND_TRAFFIC: REASON, Groups.KNOWN_AND_FRESH: "known_accounts_treated_better"})
ASSUMPTIONS = (
    "both ask for the same targets over the same ways, with prompts of the same class of length",
    "what hits both in a block of time is not held against the provider; blocks are independent",
)


@dataclass(frozen=True, slots=True)
class Strata:
    """What both groups saw of the same, for either test; those that the provider knows stand as `active`."""

    failures: tuple[FailureStratum, ...] = ()
    first_tokens: tuple[TtftStratum, ...] = ()


@dataclass(frozen=True, slots=True)
class _Test:
    """One of both tests; *threshold*: the least effect worth saying, in *unit*."""

    comparison: Comparison
    threshold: float
    unit: str

    @property
    def rank(self) -> tuple[bool, float]:
        """What is proven comes first, then what is more surprising."""
        return not self.comparison.proven(self.threshold), self.comparison.p


def treatment(subject: str, groups: Groups, strata: Strata, *, confidence: float) -> Evidence:
    """The evidence about the provider *subject* from what both *groups* saw; of two tests the more telling is shown."""
    standard = double_standard(strata.failures, strata.first_tokens, confidence=confidence)
    blank = Evidence(
        check=f"{CHECK}_{groups}",
        family=Family.CONFORMANCE,
        grade=Grade.BADGE,
        subject=subject,
        claim="every client is served alike",
        standing=Standing.INSUFFICIENT,
        reason="too_little_of_the_same",
        said=REASONS["too_little_of_the_same"],
        assumptions=ASSUMPTIONS,
        arithmetic=tuple(_lines(standard)),
    )
    tests = list(_tests(standard))
    if not tests:
        return blank
    shown = min(tests, key=lambda one: one.rank)
    p = min(1.0, TESTS * max(ALPHA, min(one.comparison.p for one in tests)))
    reason = _BETTER[groups] if standard.reasons else "treated_alike"
    return replace(
        blank,
        standing=Standing.NOTICED if standard.reasons else Standing.NOT_REJECTED,
        reason=reason,
        said=REASONS[reason],
        value=shown.comparison.effect,
        threshold=shown.threshold,
        unit=shown.unit,
        low=shown.comparison.low,
        high=shown.comparison.high,
        n=shown.comparison.n_active + shown.comparison.n_passive,
        p=p,
        e=p_to_e(p),
        smallest="; ".join(_smallest(standard)),
    )


def _tests(standard: DoubleStandard) -> Iterator[_Test]:
    if standard.failures:
        yield _Test(standard.failures, FAILURES_MIN, "difference of the failed shares")
    if standard.first_token:
        yield _Test(standard.first_token, RATIO_MIN, "times as late a first token")


def _smallest(standard: DoubleStandard) -> Iterable[str]:
    """Half of such effects would have been caught: the limit is where the estimate would have to lie."""
    if standard.failures:
        yield f"{max(standard.failures.smallest, FAILURES_MIN):.2%} more failures, power .5"
    if standard.first_token:
        yield f"a first token {max(standard.first_token.smallest, RATIO_MIN):.2f} times as late, power .5"


def _lines(standard: DoubleStandard) -> Iterable[str]:
    for name, one in (("failures", standard.failures), ("first token", standard.first_token)):
        yield f"{name}: {_line(one)}" if one else f"{name}: too little of the same was seen of both"


def _line(one: Comparison) -> str:
    counts = f"{one.n_active} and {one.n_passive} requests in {one.strata} strata"
    return f"effect {one.effect:.5g} ({one.low:.5g} to {one.high:.5g}), p = {one.p:.3g}, {counts}; limit p < {ALPHA:g}"
