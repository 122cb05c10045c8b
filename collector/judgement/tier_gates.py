"""The gates of the tiers: conditions on confidence bounds, never on the point, each with its numbers."""

from __future__ import annotations

from dataclasses import replace

from collector.judgement.availability import Availability, wilson
from collector.judgement.facts import ProviderFacts, quantile_ms
from collector.judgement.integrity.suspicion import E_MIN, Stage, Suspicion
from collector.judgement.peer_latency import TTFT_SHARE, Beside
from collector.judgement.sla.conduct import Conduct
from schemas.config import GoldGates, ReliableGates, TierPolicy
from schemas.evidence import Standing
from schemas.observation import Reason
from schemas.verdict import Gate, Tier

DAY_S = 86400.0
# Reasons of requests whose share proves suspect: gate, reasons, the setting of its line, what is said beside it.
SHARES: tuple[tuple[str, tuple[Reason, ...], str, str], ...] = (
    (
        "capacity_refused", (Reason.RATE_LIMITED, Reason.NO_CAPACITY), "capacity_refused_share",
        "429 and 503 at our low rate; check our quota",
    ),
    ("truncated_answers", (Reason.TRUNCATED,), "truncated_share", "streams without an end"),
    ("wrong_content", (Reason.WRONG_CONTENT,), "wrong_content_share", "answers that miss the nonce"),
)  # fmt: skip


def earned_gates(
    tier: Tier,
    line: GoldGates | ReliableGates,
    facts: ProviderFacts,
    measured: Availability,
    policy: TierPolicy,
    previous: Tier | None,
    beside: Beside | None,
    conduct: Conduct | None,
) -> tuple[Gate, ...]:
    """
    The gates of gold or reliable; all must pass.

    *beside*: others with the same model, where there are enough. *conduct*: how its contract was kept, where a month
    of it is over.
    """
    held = previous is tier or (tier is Tier.RELIABLE and previous is Tier.GOLD)
    needed = line.hold_availability_lower if held else line.availability_lower
    p95 = quantile_ms(facts.ttft_hist, TTFT_SHARE)
    slow, answered = facts.reasons.get(Reason.SLOW, 0), sum(block.good for block in facts.blocks)
    slow_share = slow / answered if answered else None
    return (
        _at_least(
            "availability_lower", tier, measured.lower, needed,
            low=measured.lower, high=measured.upper, n=measured.n, n_effective=measured.n_effective,
            note=f"lower bound, unknown time counted as down; {_bursts(measured)}" + ("; held" if held else ""),
        ),
        _evidence_gate(tier, line.evidence, facts, measured, policy),
        at_most(
            "ttft_p95", tier, p95, line.ttft_p95 * 1000, unit="ms", n=sum(facts.ttft_hist.values()),
            note=f"95th percentile of the time to first token, all clusters, within 1 %; {_connections(facts)}",
        ),
        *(() if beside is None else (_peers_gate(tier, line, beside),)),
        *(() if conduct is None else (_conduct_gate(tier, line, conduct),)),
        at_most(
            "degraded", tier, slow_share, line.degraded_share_max, n=answered, note="answers over the latency objective"
        ),
    )  # fmt: skip


def _peers_gate(tier: Tier, line: GoldGates | ReliableGates, beside: Beside) -> Gate:
    return at_most(
        "ttft_peers", tier, beside.ratio, line.ttft_peers_max, unit="times", n=beside.n,
        note=f"{beside.model}: p95 {beside.p95_ms:.0f} ms beside {beside.peers_ms:.0f} ms, the median of the p95 of "
        f"{beside.peers} other providers",
    )  # fmt: skip


def _conduct_gate(tier: Tier, line: GoldGates | ReliableGates, conduct: Conduct) -> Gate:
    return at_most(
        "contract_kept", tier, float(conduct.broken), line.contract_broken_max, unit="months", n=conduct.months,
        note="billing months of the last 90 days in which a promise of its contract was broken, as the contract counts",
    )  # fmt: skip


def _evidence_gate(
    tier: Tier, needed_s: float, facts: ProviderFacts, measured: Availability, policy: TierPolicy
) -> Gate:
    days = facts.span_s / DAY_S
    enough = measured.n >= policy.observations_min
    gate = _at_least(
        "evidence", tier, days, needed_s / DAY_S, unit="d", n=measured.n,
        note=f"days from first to last tick; at least {policy.observations_min} observations",
    )  # fmt: skip
    return gate if enough else replace(gate, passed=False)


def suspect_gates(
    facts: ProviderFacts, measured: Availability, policy: TierPolicy, previous: Tier | None
) -> tuple[Gate, ...]:
    """What each alone proves suspect. Not passing is no proof of honesty: the note says what would have been caught."""
    line = policy.suspect
    upper_line = line.hold_availability_upper if previous is Tier.SUSPECT else line.availability_upper
    enough = measured.n >= policy.observations_min and facts.span_s >= line.evidence
    observed = sum(block.known + block.n_unknown for block in facts.blocks)
    low = Gate(
        name="availability_proven_low", tier=Tier.SUSPECT, op="<", value=rounded(measured.upper),
        threshold=upper_line, low=rounded(measured.lower), high=rounded(measured.upper), n=measured.n,
        n_effective=rounded(measured.n_effective), passed=measured.upper < upper_line if enough else None,
        note=f"upper bound, unknown time counted as up; {_bursts(measured)}",
    )  # fmt: skip
    return (
        low,
        *(
            _share_gate(
                name, sum(facts.reasons.get(r, 0) for r in reasons), observed, getattr(line, setting), policy, note,
                measured,
            )
            for name, reasons, setting, note in SHARES
        ),
    )  # fmt: skip


def _share_gate(
    name: str, count: int, observed: int, threshold: float, policy: TierPolicy, note: str, measured: Availability
) -> Gate:
    """Proven when the lower bound of the share is above the threshold, on the effective sample."""
    if observed < policy.observations_min:
        return _unknown(name, threshold, observed, f"{note}; fewer than {policy.observations_min} observations")
    effective = observed / measured.design_effect
    low, high = wilson(count / observed, effective, confidence=policy.confidence, freedom=measured.freedom)
    return Gate(
        name=name, tier=Tier.SUSPECT, op=">", value=rounded(low), threshold=threshold, low=rounded(low),
        high=rounded(high), n=observed, n_effective=rounded(effective), passed=low > threshold,
        note=f"lower bound of the share; {note}; a share above {high:.2%} would have shown",
    )  # fmt: skip


def misrepresented(suspicion: Suspicion | None) -> Gate:
    """What its claims came to: the evidence of every check, put together, after its right of reply."""
    weighed = (
        [] if suspicion is None else [one for one in suspicion.evidence if one.standing is not Standing.INSUFFICIENT]
    )
    if suspicion is None or not weighed:
        return _unknown("misrepresented", E_MIN, 0, "no check of its claims has enough data")
    still = "; ".join(suspicion.missing) or "its right of reply is over"
    return Gate(
        name="misrepresented", tier=Tier.SUSPECT, op=">=", value=rounded(suspicion.e), threshold=E_MIN,
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
        name=name, tier=tier, op=">=", value=rounded(value), threshold=threshold, low=rounded(low),
        high=rounded(high), unit=unit, n=n, n_effective=rounded(n_effective), passed=value >= threshold, note=note,
    )  # fmt: skip


def at_most(
    name: str,
    tier: Tier,
    value: float | None,
    threshold: float,
    *,
    unit: str = "",
    n: int = 0,
    low: float | None = None,
    high: float | None = None,
    note: str = "",
) -> Gate:
    """A gate that is passed by a *value* of at most *threshold*; unknown without one."""
    return Gate(
        name=name, tier=tier, op="<=", value=rounded(value), threshold=threshold, low=rounded(low),
        high=rounded(high), unit=unit, n=n, passed=None if value is None else value <= threshold, note=note,
    )  # fmt: skip


def _unknown(name: str, threshold: float, n: int, note: str) -> Gate:
    return Gate(name=name, tier=Tier.SUSPECT, op=">", value=None, threshold=threshold, n=n, passed=None, note=note)


def _connections(facts: ProviderFacts) -> str:
    """The same figure for each kind of connection."""
    parts = []
    for connection, histogram in sorted(facts.ttft_hists.items()):
        p95 = quantile_ms(histogram, TTFT_SHARE)
        if p95 is not None:
            parts.append(f"{connection} connections {p95:.0f} ms with n {sum(histogram.values())}")
    return ", ".join(parts) or "no answer had one"


def _bursts(measured: Availability) -> str:
    return f"{measured.n} observations count as {measured.n_effective:.0f} (design effect {measured.design_effect:.1f})"


def rounded(value: float | None) -> float | None:
    """Nine significant digits, so that the stored bytes do not depend on the last bit."""
    return None if value is None else float(f"{value:.9g}")
