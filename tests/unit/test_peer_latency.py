"""A provider's time to first token beside that of others with the same model: a gate where there is a measure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.judgement.facts import ProviderFacts, bucket_of, together
from collector.judgement.peer_latency import p95s, slowest
from collector.judgement.tiers import judge
from schemas.config import TierPolicy
from schemas.verdict import Gate, Tier, Verdict
from tests.support.provider_facts import AT, facts, steady

POLICY = TierPolicy()


def provider(name: str, answers: int = 5000, **ttft_ms: float) -> ProviderFacts:
    """A flawless provider with one cluster for each of its models, whose first token comes after so many ms."""
    parts = {}
    for model, ms in ttft_ms.items():
        cluster = f"{name}/{model}"
        blocks = tuple(replace(one, cluster=cluster) for one in steady())
        known = replace(facts(list(blocks)), provider=name, ttft_hists={"cold": {bucket_of(ms): answers}})
        parts[cluster, model] = known
    return replace(together(name, parts.values()), parts=parts)


def market(*several: ProviderFacts) -> dict[str, ProviderFacts]:
    """Providers by name."""
    return {one.provider: one for one in several}


OTHERS = (provider("b", big=200), provider("c", big=220), provider("d", big=240, small=50))


def verdict(mine: ProviderFacts, *others: ProviderFacts) -> Verdict:
    """On *mine*, beside *others*."""
    return judge("a", mine, POLICY, AT, None, others=p95s(market(mine, *others)))


def gates(found: Verdict) -> list[Gate]:
    """Those that look at others."""
    return [gate for gate in found.gates if gate.name == "ttft_peers"]


@pytest.mark.parametrize(
    ("ms", "tier", "reason"),
    [
        (400, Tier.GOLD, "all_gold_gates_passed"),
        (480, Tier.RELIABLE, "peers_short_of_gold"),
        (960, Tier.UNRATED, "peers_short_of_reliable"),
    ],
)
def test_twice_the_others_is_no_gold_four_times_not_reliable(ms: float, tier: Tier, reason: str) -> None:
    """All are far below the absolute line; each other provider counts as one."""
    found = verdict(provider("a", big=ms), *OTHERS)

    assert (found.tier, reason in found.reasons) == (tier, True)
    gate = gates(found)[0]
    assert gate.value == pytest.approx(ms / 220, rel=0.03)
    assert (gate.n, gate.unit) == (5000, "times")
    assert "the median of the p95 of 3 other providers" in gate.note


def test_the_slowest_model_counts() -> None:
    """A fast one does not hide it; what nobody else serves has no measure."""
    mine = provider("a", big=900, own=10)
    beside = slowest(mine, p95s(market(mine, *OTHERS)))

    assert beside is not None
    assert (beside.model, beside.peers) == ("big", 3)


def test_without_enough_others_there_is_no_gate() -> None:
    """Two providers are no measure, nor are three of which one gave too few answers."""
    mine = provider("a", big=900)

    assert gates(verdict(mine, *OTHERS[:2])) == []
    assert gates(verdict(mine, *OTHERS[:2], provider("e", answers=99, big=100))) == []
    assert gates(verdict(provider("a", answers=99, big=900), *OTHERS)) == []
    assert verdict(mine, *OTHERS[:2]).tier is Tier.GOLD


def test_each_cluster_is_held_to_others_by_its_own_answers() -> None:
    """One of two is slow: it alone is short of gold, with the provider."""
    fast, slow = provider("a", big=200), provider("a", big=900)
    parts = {("a/fast", "big"): fast.parts["a/big", "big"], ("a/slow", "big"): slow.parts["a/big", "big"]}
    parts = {
        key: replace(one, blocks=tuple(replace(block, cluster=key[0]) for block in one.blocks))
        for key, one in parts.items()
    }
    found = verdict(replace(together("a", parts.values()), parts=parts), *OTHERS)

    assert {part.name: part.tier for part in found.parts} == {
        "a/fast": Tier.GOLD, "a/slow": Tier.UNRATED, "big": Tier.UNRATED,
    }  # fmt: skip
