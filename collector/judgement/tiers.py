"""The tier of a provider: a published numeric rule. Every gate looks at a confidence bound, never at the point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from collector.judgement.availability import availability
from collector.judgement.charged_incidents import IncidentRecord
from collector.judgement.charged_incidents import toll as incident_toll
from collector.judgement.facts import ProviderFacts, quantile_ms, together
from collector.judgement.incident_gates import incident_gates
from collector.judgement.integrity.suspicion import Suspicion
from collector.judgement.outlook import outlook
from collector.judgement.peer_latency import TTFT_SHARE, P95s, slowest
from collector.judgement.sla.conduct import Conduct
from collector.judgement.tier_gates import earned_gates, misrepresented, rounded, suspect_gates
from schemas.config import GoldGates, ReliableGates, TierPolicy
from schemas.verdict import Gate, Part, PartKey, PartLevel, Tier, Verdict

# 2: untrusted timings do not count in ttft_p95; 3: only serving kinds count; 4: exact tails of t and the binomial;
# 5: claims are examined; 6: what is billed and recorded is a claim, and examined as one;
# 7: latency beside others, conduct; tiers of clusters and models, and an outlook, go with it
# 8: an outage of several clusters at once is one event, and bounds from few blocks are wider; incidents; a cluster is
# held to what its contract promises of it
RULE_VERSION = 8

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
        "peers_short_of_gold": "it takes much longer to the first token than others with the same model",
        "contract_short_of_gold": "it broke a promise of its contract",
        "incidents_short_of_gold": "it has more incidents than gold allows",
        "recovery_short_of_gold": "an incident of it lasted longer than gold allows",
        "degraded_short_of_gold": "more of its answers are slow than gold allows",
        "availability_straddles": "its availability is neither proven good nor proven bad",
        "latency_short_of_reliable": "its first token comes later than reliable allows",
        "peers_short_of_reliable": "it takes far longer to the first token than others with the same model",
        "contract_short_of_reliable": "it broke promises of its contract month after month",
        "incidents_short_of_reliable": "it has one incident after the other",
        "recovery_short_of_reliable": "an incident of it lasted longer than reliable allows",
        "degraded_short_of_reliable": "more of its answers are slow than reliable allows",
        "too_little_evidence": "there are too few observations, or too few days of them",
        "no_evidence": "nothing was observed in the window",
    }
)
_NO_EVIDENCE: tuple[str, ...] = ("no_evidence",)
_MISSED = {"availability_lower": "availability", "evidence": "evidence", "ttft_p95": "latency",
           "ttft_peers": "peers", "contract_kept": "contract", "incidents": "incidents", "recovery": "recovery",
           "degraded": "degraded"}  # fmt: skip


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
    parts_before: Mapping[PartKey, Tier] = MappingProxyType({}),
    others: P95s = MappingProxyType({}),
    conduct: Conduct | None = None,
    record: IncidentRecord | None = None,
) -> Verdict:
    """
    The verdict at *at*; *previous* gives hysteresis: what was earned is held at a slightly lower line.

    *suspicion* is what the last examination of its claims came to, *parts_before* are the tiers of its parts,
    *others* the times to first token of all providers, *conduct* is how it kept its contract, *record* what its
    incidents were.
    """
    beyond = _Beyond(policy, at, suspicion, others, conduct, record)
    tier, reasons, gates = _ruled(facts, beyond, previous)
    blocks = facts.blocks if facts else ()
    return Verdict(
        provider=provider,
        at=at,
        window_start=at - timedelta(seconds=policy.window),
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
        outlook=outlook(tier, gates, facts, policy, at, conduct, record),
        parts=tuple(_parts(facts, beyond, parts_before)) if facts else (),
    )


@dataclass(frozen=True, slots=True)
class _Beyond:
    """What a provider or a part of it is judged by beyond its observations; as of `judge`."""

    policy: TierPolicy
    at: datetime
    suspicion: Suspicion | None
    others: P95s
    conduct: Conduct | None
    record: IncidentRecord | None

    def of_part(self, level: PartLevel, name: str) -> _Beyond:
        """
        What there is of a cluster or model.

        Its claims are the provider's: what is proven of them counts for every part. An incident and a promise are of
        clusters; of a model they say nothing.
        """
        if level is PartLevel.MODEL:
            return replace(self, conduct=None, record=None)
        return replace(
            self,
            conduct=self.conduct.clusters.get(name) if self.conduct else None,
            record=self.record.of_cluster(name) if self.record else None,
        )


def _ruled(
    facts: ProviderFacts | None, beyond: _Beyond, previous: Tier | None
) -> tuple[Tier, tuple[str, ...], tuple[Gate, ...]]:
    """The tier by the rule, its reasons, and every gate."""
    policy = beyond.policy
    measured = availability(facts.blocks, confidence=policy.confidence) if facts else None
    if facts is None or measured is None:
        return Tier.UNRATED, _NO_EVIDENCE, ()
    suspect = (*suspect_gates(facts, measured, policy, previous), misrepresented(beyond.suspicion))
    beside = slowest(facts, beyond.others)
    toll = incident_toll(beyond.record, facts, policy, beyond.at) if beyond.record else None

    def earned(tier: Tier, line: GoldGates | ReliableGates) -> tuple[Gate, ...]:
        gates = earned_gates(tier, line, facts, measured, policy, previous, beside, beyond.conduct)
        return (*gates, *incident_gates(tier, line, toll))

    gold, reliable = earned(Tier.GOLD, policy.gold), earned(Tier.RELIABLE, policy.reliable)
    return (*_decide(suspect, gold, reliable), (*suspect, *gold, *reliable))


def _parts(facts: ProviderFacts, beyond: _Beyond, before: Mapping[PartKey, Tier]) -> Iterable[Part]:
    """The tiers of its clusters, then of its models, by the same rule over their own observations."""
    for place, level in enumerate((PartLevel.CLUSTER, PartLevel.MODEL)):
        for name in sorted({key[place] for key in facts.parts}):
            mine = {key: one for key, one in sorted(facts.parts.items()) if key[place] == name}
            of = replace(together(facts.provider, mine.values()), parts=mine)
            yield _part(level, name, of, beyond.of_part(level, name), before.get((level, name)))


def _part(level: PartLevel, name: str, facts: ProviderFacts, beyond: _Beyond, previous: Tier | None) -> Part:
    tier, reasons, _ = _ruled(facts, beyond, previous)
    measured = availability(facts.blocks, confidence=beyond.policy.confidence)
    return Part(
        level=level,
        name=name,
        tier=tier,
        previous=previous,
        reasons=reasons,
        availability_low=rounded(measured.lower if measured else None),
        availability_high=rounded(measured.upper if measured else None),
        ttft_p95_ms=rounded(quantile_ms(facts.ttft_hist, TTFT_SHARE)),
        n=sum(b.known + b.n_unknown + b.n_not_observed for b in facts.blocks),
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
        "ttft_peers": "peers_short_of_reliable",
        "contract_kept": "contract_short_of_reliable",
        "incidents": "incidents_short_of_reliable",
        "recovery": "recovery_short_of_reliable",
        "degraded": "degraded_short_of_reliable",
    }
    missed = {names[gate.name] for gate in reliable if not gate.passed}
    if "too_little_evidence" in missed:
        missed -= {"availability_straddles"}
    order = list(REASONS)
    return tuple(sorted(missed, key=order.index, reverse=True))
