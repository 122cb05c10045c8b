"""The tier of a provider: a published numeric rule. Every gate looks at a confidence bound, never at the point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from collector.judgement.availability import Availability, availability, wilson
from collector.judgement.facts import ProviderFacts, quantile_ms
from collector.judgement.integrity.suspicion import E_MIN, Stage, Suspicion
from schemas.config import GoldGates, ReliableGates, TierPolicy
from schemas.evidence import Standing
from schemas.observation import Reason
from schemas.verdict import Gate, Tier, Verdict

# 2: untrusted timings do not count in ttft_p95; 3: only serving kinds count; 4: exact tails of t and the binomial;
# 5: claims are examined; 6: what is billed and recorded is a claim, and examined as one
RULE_VERSION = 6
DAY_S = 86400.0
CAPACITY_REASONS = (Reason.RATE_LIMITED, Reason.NO_CAPACITY)

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "availability_proven_low": "even the upper bound of its availability is below the line",
        "capacity_refused": "it turns requests away for want of capacity (429, 503)",
        "truncated_answers": "it ends answers without finishing them",
        "wrong_content": "its answers miss what every answer must contain",
        "misrepresented": "its claims are contradicted by evidence that it had the right to reply to",
        "all_gold_gates_passed": "every gate of gold is passed",
        "all_reliable_gates_passed": "every gate of reliable is passed",
        "availability_short_of_gold": "the lower bound of its availability is below gold's line",
        "evidence_short_of_gold": "there is not yet enough evidence for gold",
        "latency_short_of_gold": "its first token comes later than gold allows",
        "degraded_short_of_gold": "more of its answers are slow than gold allows",
        "availability_straddles": "its availability is neither proven good nor proven bad",
        "latency_short_of_reliable": "its first token comes later than reliable allows",
        "degraded_short_of_reliable": "more of its answers are slow than reliable allows",
        "too_little_evidence": "there are too few observations, or too few days of them",
        "no_evidence": "nothing was observed in the window",
    }
)
_NO_EVIDENCE: tuple[str, ...] = ("no_evidence",)
_MISSED = {"availability_lower": "availability", "evidence": "evidence", "ttft_p95": "latency", "degraded": "degraded"}


def policy_hash(policy: TierPolicy) -> str:
    """12 hex digits that name the policy a verdict was given under."""
    return hashlib.sha256(json.dumps(policy.model_dump(), sort_keys=True).encode()).hexdigest()[:12]


def judge(
    provider: str,
    facts: ProviderFacts | None,
    policy: TierPolicy,
    at: datetime,
    previous: Tier | None,
    suspicion: Suspicion | None = None,
) -> Verdict:
    """
    The verdict at *at*; *previous* gives hysteresis: what was earned is held at a slightly lower line.

    *suspicion* is what the last examination of its claims came to.
    """
    window_start = at - timedelta(seconds=policy.window)
    measured = availability(facts.blocks, confidence=policy.confidence) if facts else None
    if facts is None or measured is None:
        gates: tuple[Gate, ...] = ()
        tier, reasons = Tier.UNRATED, _NO_EVIDENCE
    else:
        suspect = (*_suspect_gates(facts, measured, policy, previous), _misrepresented(suspicion))
        gold = _earned_gates(Tier.GOLD, policy.gold, facts, measured, policy, previous)
        reliable = _earned_gates(Tier.RELIABLE, policy.reliable, facts, measured, policy, previous)
        gates = (*suspect, *gold, *reliable)
        tier, reasons = _decide(suspect, gold, reliable)
    blocks = facts.blocks if facts else ()
    return Verdict(
        provider=provider,
        at=at,
        window_start=window_start,
        tier=tier,
        previous=previous,
        reasons=reasons,
        gates=gates,
        n=sum(b.known + b.n_unknown + b.n_not_observed for b in blocks),
        n_ok=sum(b.n_ok for b in blocks),
        n_degraded=sum(b.n_degraded for b in blocks),
        n_failed=sum(b.n_failed + b.n_unknown for b in blocks),
        n_not_observed=sum(b.n_not_observed for b in blocks),
        policy=policy_hash(policy),
        rule_version=RULE_VERSION,
    )


def _decide(
    suspect: tuple[Gate, ...], gold: tuple[Gate, ...], reliable: tuple[Gate, ...]
) -> tuple[Tier, tuple[str, ...]]:
    proven = tuple(gate.name for gate in suspect if gate.passed)
    if proven:
        return Tier.SUSPECT, proven
    if all(gate.passed for gate in gold):
        return Tier.GOLD, ("all_gold_gates_passed",)
    if all(gate.passed for gate in reliable):
        missed = tuple(f"{_MISSED[gate.name]}_short_of_gold" for gate in gold if not gate.passed)
        return Tier.RELIABLE, ("all_reliable_gates_passed", *missed)
    return Tier.UNRATED, _why_unrated(reliable)


def _why_unrated(reliable: tuple[Gate, ...]) -> tuple[str, ...]:
    names = {
        "availability_lower": "availability_straddles",
        "evidence": "too_little_evidence",
        "ttft_p95": "latency_short_of_reliable",
        "degraded": "degraded_short_of_reliable",
    }
    missed = {names[gate.name] for gate in reliable if not gate.passed}
    if "too_little_evidence" in missed:
        missed -= {"availability_straddles"}
    order = list(REASONS)
    return tuple(sorted(missed, key=order.index, reverse=True))


def _earned_gates(
    tier: Tier,
    line: GoldGates | ReliableGates,
    facts: ProviderFacts,
    measured: Availability,
    policy: TierPolicy,
    previous: Tier | None,
) -> tuple[Gate, ...]:
    """The four gates of gold or reliable; all must pass."""
    held = previous is tier or (tier is Tier.RELIABLE and previous is Tier.GOLD)
    needed = line.hold_availability_lower if held else line.availability_lower
    p95 = quantile_ms(facts.ttft_hist, 0.95)
    slow, answered = facts.reasons.get(Reason.SLOW, 0), sum(block.good for block in facts.blocks)
    slow_share = slow / answered if answered else None
    return (
        _at_least(
            "availability_lower", tier, measured.lower, needed,
            low=measured.lower, high=measured.upper, n=measured.n, n_effective=measured.n_effective,
            note=f"lower bound, unknown time counted as down; {_bursts(measured)}" + ("; held" if held else ""),
        ),
        _evidence_gate(tier, line.evidence, facts, measured, policy),
        _at_most(
            "ttft_p95", tier, p95, line.ttft_p95 * 1000, unit="ms", n=sum(facts.ttft_hist.values()),
            note=f"95th percentile of the time to first token, all clusters, within 1 %; {_connections(facts)}",
        ),
        _at_most(
            "degraded", tier, slow_share, line.degraded_share_max, n=answered, note="answers over the latency objective"
        ),
    )  # fmt: skip


def _evidence_gate(
    tier: Tier, needed_s: float, facts: ProviderFacts, measured: Availability, policy: TierPolicy
) -> Gate:
    days = _span_s(facts) / DAY_S
    enough = measured.n >= policy.observations_min
    gate = _at_least(
        "evidence", tier, days, needed_s / DAY_S, unit="d", n=measured.n,
        note=f"days from first to last tick; at least {policy.observations_min} observations",
    )  # fmt: skip
    return gate if enough else replace(gate, passed=False)


def _suspect_gates(
    facts: ProviderFacts, measured: Availability, policy: TierPolicy, previous: Tier | None
) -> tuple[Gate, ...]:
    """What each alone proves suspect. Not passing is no proof of honesty: the note says what would have been caught."""
    line = policy.suspect
    upper_line = line.hold_availability_upper if previous is Tier.SUSPECT else line.availability_upper
    enough = measured.n >= policy.observations_min and _span_s(facts) >= line.evidence
    observed = sum(block.known + block.n_unknown for block in facts.blocks)
    low = Gate(
        name="availability_proven_low", tier=Tier.SUSPECT, op="<", value=_rounded(measured.upper),
        threshold=upper_line, low=_rounded(measured.lower), high=_rounded(measured.upper), n=measured.n,
        n_effective=_rounded(measured.n_effective), passed=measured.upper < upper_line if enough else None,
        note=f"upper bound, unknown time counted as up; {_bursts(measured)}",
    )  # fmt: skip
    shares = (
        (
            "capacity_refused",
            CAPACITY_REASONS,
            line.capacity_refused_share,
            "429 and 503 at our low rate; check our quota",
        ),
        ("truncated_answers", (Reason.TRUNCATED,), line.truncated_share, "streams without an end"),
        ("wrong_content", (Reason.WRONG_CONTENT,), line.wrong_content_share, "answers that miss the nonce"),
    )
    return (
        low,
        *(
            _share_gate(
                name, sum(facts.reasons.get(r, 0) for r in reasons), observed, threshold, policy, note, measured
            )
            for name, reasons, threshold, note in shares
        ),
    )


def _share_gate(
    name: str, count: int, observed: int, threshold: float, policy: TierPolicy, note: str, measured: Availability
) -> Gate:
    """Proven when the lower bound of the share is above the threshold, on the effective sample."""
    if observed < policy.observations_min:
        return _unknown(name, threshold, observed, f"{note}; fewer than {policy.observations_min} observations")
    effective = observed / measured.design_effect
    low, high = wilson(count / observed, effective, confidence=policy.confidence)
    return Gate(
        name=name, tier=Tier.SUSPECT, op=">", value=_rounded(low), threshold=threshold, low=_rounded(low),
        high=_rounded(high), n=observed, n_effective=_rounded(effective), passed=low > threshold,
        note=f"lower bound of the share; {note}; a share above {high:.2%} would have shown",
    )  # fmt: skip


def _misrepresented(suspicion: Suspicion | None) -> Gate:
    """What its claims came to: the evidence of every check, put together, after its right of reply."""
    weighed = (
        [] if suspicion is None else [one for one in suspicion.evidence if one.standing is not Standing.INSUFFICIENT]
    )
    if suspicion is None or not weighed:
        return _unknown("misrepresented", E_MIN, 0, "no check of its claims has enough data")
    still = "; ".join(suspicion.missing) or "its right of reply is over"
    return Gate(
        name="misrepresented", tier=Tier.SUSPECT, op=">=", value=_rounded(suspicion.e), threshold=E_MIN,
        n=sum(one.n for one in weighed), passed=suspicion.stage is Stage.SUSPECT,
        note=f"combined e-value of {len(weighed)} checks that had data; {still}",
    )  # fmt: skip


def _at_least(
    name: str,
    tier: Tier,
    value: float,
    threshold: float,
    *,
    unit: str = "",
    n: int = 0,
    low: float | None = None,
    high: float | None = None,
    n_effective: float | None = None,
    note: str = "",
) -> Gate:
    return Gate(
        name=name, tier=tier, op=">=", value=_rounded(value), threshold=threshold, low=_rounded(low),
        high=_rounded(high), unit=unit, n=n, n_effective=_rounded(n_effective), passed=value >= threshold, note=note,
    )  # fmt: skip


def _at_most(
    name: str, tier: Tier, value: float | None, threshold: float, *, unit: str = "", n: int = 0, note: str = ""
) -> Gate:
    passed = None if value is None else value <= threshold
    return Gate(
        name=name, tier=tier, op="<=", value=_rounded(value), threshold=threshold, unit=unit, n=n, passed=passed,
        note=note,
    )  # fmt: skip


def _unknown(name: str, threshold: float, n: int, note: str) -> Gate:
    return Gate(name=name, tier=Tier.SUSPECT, op=">", value=None, threshold=threshold, n=n, passed=None, note=note)


def _span_s(facts: ProviderFacts) -> float:
    if facts.first_tick is None or facts.last_tick is None:
        return 0.0
    return (facts.last_tick - facts.first_tick).total_seconds()


def _connections(facts: ProviderFacts) -> str:
    """The same figure for each kind of connection."""
    parts = []
    for connection, histogram in sorted(facts.ttft_hists.items()):
        p95 = quantile_ms(histogram, 0.95)
        if p95 is not None:
            parts.append(f"{connection} connections {p95:.0f} ms with n {sum(histogram.values())}")
    return ", ".join(parts) or "no answer had one"


def _bursts(measured: Availability) -> str:
    return f"{measured.n} observations count as {measured.n_effective:.0f} (design effect {measured.design_effect:.1f})"


def _rounded(value: float | None) -> float | None:
    """Nine significant digits, so that the stored bytes do not depend on the last bit."""
    return None if value is None else float(f"{value:.9g}")
