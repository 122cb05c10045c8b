"""
Are tool calls, JSON and golden answers as asked for? A badge: a defect of engineering is no fraud.

Null: at most one answer in a hundred is invalid. The binomial test at alpha .01 finds 10 % invalid in 65 answers, 5 %
in 210, 3 % in 590 and 2 % in 1,800, each with power .9.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from collector.judgement.availability import wilson
from collector.judgement.integrity.declared_events import declared
from collector.judgement.tails import binomial_point, binomial_tail
from schemas.evidence import Evidence, Family, Grade, Standing

CHECK = "conformance"
INVALID_MAX = 0.01
ALPHA = 0.01
POWER = 0.9
ANSWERS_MIN = 65
ONE_SIDED = 0.975  # each bound of a two-sided interval of 95 %

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "too_many_invalid": "more answers are invalid than one in a hundred explains",
        "conforms": "no more answers are invalid than one in a hundred explains",
        "too_few_answers": f"there are fewer than {ANSWERS_MIN} answers",
    }
)
CLAIMS: Mapping[str, str] = MappingProxyType(
    {
        "tool_call": "tool calls follow the schema of their tool",
        "json_mode": "JSON answers follow their schema",
        "golden_answer": "questions with one right answer are answered right",
    }
)
ASSUMPTIONS = (
    "answers are independent",
    f"an honest endpoint fails at most {INVALID_MAX:.0%} of them",
)


def conformance(subject: str, kind: str, *, n: int, invalid: int, days: int = 0, vantages: int = 0) -> Evidence:
    """The evidence of *n* answers to probes of *kind*, *invalid* of them not as asked for, about *subject*."""
    if not 0 <= invalid <= n:
        raise ValueError(f"{invalid} of {n} answers cannot be invalid")
    enough = n >= ANSWERS_MIN
    p = binomial_tail(invalid, n, INVALID_MAX)
    rejected = enough and p <= ALPHA
    reason = "too_few_answers" if not enough else "too_many_invalid" if rejected else "conforms"
    low, high = wilson(invalid / n, n, confidence=ONE_SIDED) if n else (0.0, 1.0)
    least = binomial_point(n, INVALID_MAX, alpha=ALPHA)
    return Evidence(
        check=f"{CHECK}_{kind}",
        family=Family.CONFORMANCE,
        grade=Grade.BADGE,
        subject=subject,
        claim=CLAIMS.get(kind, f"answers to {kind} are as asked for"),
        standing=Standing.CONTRADICTED if rejected else Standing.NOT_REJECTED if enough else Standing.INSUFFICIENT,
        reason=reason,
        said=f"{REASONS[reason]}: {invalid} of {n}",
        value=invalid / n if n else None,
        threshold=INVALID_MAX,
        unit="share invalid",
        low=low if n else None,
        high=high if n else None,
        n=n,
        p=p if enough else None,
        e=declared(invalid, n, p0=INVALID_MAX) if enough else 1.0,
        assumptions=ASSUMPTIONS,
        days=days,
        vantages=vantages,
        smallest=f"{smallest_share(n):.1%} invalid, power {POWER:g}" if enough else "",
        arithmetic=(
            f"{invalid} of {n} answers are invalid: {low:.4f} to {high:.4f} (Wilson, 95 %)",
            f"rejected from {least} on: P(X >= {least} | n = {n}, {INVALID_MAX:.0%}) <= {ALPHA:g}; p = {p:.3g}",
        ),
    )


def smallest_share(n: int) -> float:
    """The least share of invalid answers that *n* of them show with power POWER; 1 when none does."""
    least = binomial_point(n, INVALID_MAX, alpha=ALPHA)
    if least > n:
        return 1.0
    low, high = INVALID_MAX, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if binomial_tail(least, n, middle) >= POWER else (middle, high)
    return high
