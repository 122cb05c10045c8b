"""The tiers of clusters and models: the same rule over their own observations, with a history of their own."""

from __future__ import annotations

from dataclasses import replace

from collector.judgement.facts import Block, ProviderFacts, together
from collector.judgement.tier_history import changes
from collector.judgement.tiers import judge
from collector.storage.verdict_queries import verdict_of
from schemas.config import TierPolicy
from schemas.verdict import PartLevel, Tier
from tests.support.provider_facts import AT, facts, steady

POLICY = TierPolicy()
EAST, WEST = "acme/east", "acme/west"


def of_cluster(cluster: str, blocks: list[Block]) -> ProviderFacts:
    """The facts of one cluster."""
    return facts([replace(one, cluster=cluster) for one in blocks])


def two_clusters() -> ProviderFacts:
    """East never failed, west is down for one request in fifty; a small and a large model are on both."""
    parts = {
        (EAST, "large"): of_cluster(EAST, steady()),
        (EAST, "small"): of_cluster(EAST, steady()),
        (WEST, "large"): of_cluster(WEST, steady(failed=8)),
    }
    return replace(together("acme", parts.values()), parts=parts)


def test_a_bad_cluster_is_named() -> None:
    """It does not hide behind the others, nor do they suffer from it."""
    verdict = judge("acme", two_clusters(), POLICY, AT, None)
    tiers = {(part.level, part.name): part.tier for part in verdict.parts}

    assert tiers == {
        (PartLevel.CLUSTER, EAST): Tier.GOLD,
        (PartLevel.CLUSTER, WEST): Tier.SUSPECT,
        (PartLevel.MODEL, "large"): Tier.SUSPECT,
        (PartLevel.MODEL, "small"): Tier.GOLD,
    }
    east = verdict.parts[0]
    assert (east.n, east.reasons) == (2 * 120 * 360, ("all_gold_gates_passed",))
    assert east.availability_low is not None and east.availability_low > 0.9999


def test_blocks_of_one_cluster_and_time_are_one_block() -> None:
    """Two models on it do not make its outages two."""
    whole = two_clusters()

    assert len(whole.blocks) == 2 * 120
    assert {one.known for one in whole.blocks if one.cluster == EAST} == {720}


def test_what_was_earned_is_held_by_each_part() -> None:
    """A cluster just below gold's line keeps gold when it had it."""
    parts = {(EAST, "m"): of_cluster(EAST, steady(failed=1, per_block=900))}
    known = replace(together("acme", parts.values()), parts=parts)
    fresh = judge("acme", known, POLICY, AT, None)
    held = judge("acme", known, POLICY, AT, None, None, {(PartLevel.CLUSTER, EAST): Tier.GOLD})

    assert (fresh.parts[0].tier, held.parts[0].tier, held.parts[1].tier) == (Tier.RELIABLE, Tier.GOLD, Tier.RELIABLE)


def test_a_verdict_says_what_changed_and_comes_back_whole() -> None:
    """The provider and its parts by name; nothing when nothing did."""
    first = judge("acme", two_clusters(), POLICY, AT, None)
    before = {part.key: part.tier for part in first.parts}
    same = judge("acme", two_clusters(), POLICY, AT, first.tier, None, before)
    other = judge("acme", two_clusters(), POLICY, AT, first.tier, None, before | {(PartLevel.CLUSTER, WEST): Tier.GOLD})

    assert first.changed == ("acme", EAST, WEST, "large", "small")
    assert same.changed == ()
    assert other.changed == (WEST,)
    assert verdict_of(first.canonical_json()) == first
    (change,) = changes([same, other])
    assert (change.level, change.name, change.before, change.after) == ("cluster", WEST, Tier.GOLD, Tier.SUSPECT)
    assert change.reasons == ("availability_proven_low",)


def test_a_body_of_an_older_rule_is_read() -> None:
    """It has neither parts nor an outlook."""
    first = judge("acme", two_clusters(), POLICY, AT, None)
    plain = replace(first, parts=(), outlook=None)
    body = plain.canonical_json().replace(',"outlook":null', "").replace(',"parts":[]', "")

    assert '"outlook"' not in body
    assert '"parts"' not in body
    assert verdict_of(body) == plain
