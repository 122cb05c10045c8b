"""
Are some clients treated better than others? Probes against traffic, and known accounts against fresh ones.

A provider can recognise its probes, by their account or by their prompts. So real traffic, or an account that it has
never seen, is compared with them over the same targets in the same blocks of time (judgement/double_standard).

The family is conformance, which accuses nobody: nothing that was claimed or billed is shown to be false by it, and
there are honest reasons (a longer way, a client that queues, a smaller quota of a new account). The e-value is 0.3
p^-0.7 of the smaller of both p-values times two, and takes no p below the tests' own limit, since the normal tail is
trusted no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
    Logs,
    TtftStratum,
    double_standard,
)
from collector.judgement.integrity.sequential import p_to_e
from schemas.evidence import Evidence, Family, Grade, Standing

CHECK = "treatment"
TESTS = 2


class Groups(StrEnum):
    """Who is compared: those that the provider knows, then those that it does not."""

    PROBES_AND_TRAFFIC = "probes_and_traffic"
    KNOWN_AND_FRESH = "known_and_fresh"


REASONS: Mapping[str, str] = MappingProxyType(
    {
        REASON: WORDS,
        "known_accounts_treated_better": "fresh accounts fare worse than known ones, same targets and hours",
        "treated_alike": "both fare alike with the same targets in the same hours",
        "too_little_of_the_same": f"fewer than {STRATA_MIN} hours or {N_MIN} requests of the same were seen of both",
    }
)
_BETTER = MappingProxyType({Groups.PROBES_AND_TRAFFIC: REASON, Groups.KNOWN_AND_FRESH: "known_accounts_treated_better"})
ASSUMPTIONS = (
    "both ask for the same targets over the same ways, with prompts of the same class of length",
    "what hits both in a block of time is not held against the provider; blocks are independent",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one group saw of one target over one block of time; first_tokens: logs of times to first token in ms."""

    target: str
    start: datetime
    n: int
    failed: int
    first_tokens: Logs


def known_and_fresh(subject: str, known: Sequence[Seen], fresh: Sequence[Seen], *, confidence: float) -> Evidence:
    """The evidence of *known* accounts against *fresh* ones about the provider *subject*."""
    theirs = _by_stratum(fresh)
    pairs = [(one, theirs[key]) for key, one in sorted(_by_stratum(known).items()) if key in theirs]
    failures = [FailureStratum(a.n, a.failed, b.n, b.failed) for a, b in pairs]
    times = [TtftStratum(a.first_tokens, b.first_tokens) for a, b in pairs]
    return treatment(subject, double_standard(failures, times, confidence=confidence), Groups.KNOWN_AND_FRESH)


def treatment(subject: str, standard: DoubleStandard, groups: Groups) -> Evidence:
    """The evidence of *standard* about the provider *subject*."""
    found = [one for one in (standard.failures, standard.first_token) if one is not None]
    if not found:
        standing, reason = Standing.INSUFFICIENT, "too_little_of_the_same"
    elif standard.reasons:
        standing, reason = Standing.NOTICED, _BETTER[groups]
    else:
        standing, reason = Standing.NOT_REJECTED, "treated_alike"
    p = min(1.0, TESTS * min((one.p for one in found), default=1.0))
    failures = standard.failures
    return Evidence(
        check=f"{CHECK}_{groups}",
        family=Family.CONFORMANCE,
        grade=Grade.BADGE,
        subject=subject,
        claim="every client is served alike",
        standing=standing,
        reason=reason,
        said=REASONS[reason],
        value=failures.effect if failures else None,
        threshold=FAILURES_MIN,
        unit="difference of the failed shares",
        low=failures.low if failures else None,
        high=failures.high if failures else None,
        n=max((one.n_active + one.n_passive for one in found), default=0),
        p=p if found else None,
        e=p_to_e(max(p, TESTS * ALPHA)) if found else 1.0,
        assumptions=ASSUMPTIONS,
        smallest="; ".join(_smallest(standard)),
        arithmetic=tuple(_lines(standard)),
    )


def _by_stratum(seen: Iterable[Seen]) -> dict[tuple[str, datetime], Seen]:
    """The sums of each target and block."""
    found: dict[tuple[str, datetime], Seen] = {}
    for one in sorted(seen, key=lambda s: (s.target, s.start, s.n, s.failed)):
        key = one.target, one.start
        found[key] = _plus(found[key], one) if key in found else one
    return found


def _plus(a: Seen, b: Seen) -> Seen:
    x, y = a.first_tokens, b.first_tokens
    logs = Logs(x.n + y.n, x.total + y.total, x.squares + y.squares)
    return Seen(a.target, a.start, a.n + b.n, a.failed + b.failed, logs)


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
