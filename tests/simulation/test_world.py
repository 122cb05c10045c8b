"""The simulated world: who is what, derived from a seed, and a script that spares the good."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.incident import Severity
from schemas.verdict import Tier
from simulator.script import SCRIPT_ENDS_S, Mode
from simulator.world import World

WORLDS = [(seed, shuffle) for seed in (1, 7, 23) for shuffle in range(8)]


def test_there_are_three_gold_nine_reliable_and_six_suspect_clouds_with_five_clusters_each() -> None:
    """The picture of the market that the design names."""
    world = World.of()

    assert Counter(world.truth().values()) == {Tier.GOLD: 3, Tier.RELIABLE: 9, Tier.SUSPECT: 6}
    assert [len(set(cloud.clusters)) for cloud in world.clouds] == [5] * 18
    assert [cloud.id for cloud in world.clouds] == sorted(cloud.id for cloud in world.clouds)


@pytest.mark.parametrize("shuffle", range(4))
def test_one_reliable_cloud_has_two_faces(shuffle: int) -> None:
    """It treats probes better than traffic; all others treat both alike."""
    world = World.of(7, shuffle)
    (two_faced,) = world.two_faced()

    assert world.truth()[two_faced] is Tier.RELIABLE
    for cloud in world.clouds:
        assert (cloud.personality.towards_traffic() == cloud.personality) == (cloud.id != two_faced)


def test_the_same_seed_and_shuffle_give_the_same_world() -> None:
    """Nothing depends on when or where it is made."""
    assert World.of(7, 3) == World.of(7, 3)
    assert World.of(7, 3).key == World.of(7, 3).key
    assert World.of(7, 3).script() == World.of(7, 3).script()


def test_shuffling_deals_the_personalities_to_other_providers_and_the_truth_follows() -> None:
    """As many of each tier, elsewhere; providers and clusters keep their names."""
    first, second = World.of(7, 0), World.of(7, 1)

    assert first.truth() != second.truth()
    assert Counter(first.truth().values()) == Counter(second.truth().values())
    assert [cloud.sites for cloud in first.clouds] == [cloud.sites for cloud in second.clouds]


def test_over_many_shuffles_every_provider_gets_every_tier() -> None:
    """No name is a hint."""
    seen = {
        provider: {World.of(7, shuffle).truth()[provider] for shuffle in range(60)} for provider in World.of().truth()
    }

    assert set(map(frozenset, seen.values())) == {frozenset({Tier.GOLD, Tier.RELIABLE, Tier.SUSPECT})}


@pytest.mark.parametrize(("seed", "shuffle"), WORLDS)
def test_the_script_has_three_p0_one_p1_and_one_slow_episode_on_five_providers_that_are_not_gold(
    seed: int, shuffle: int
) -> None:
    """Each P0 breaks in a way of its own, and all is over in time."""
    world = World.of(seed, shuffle)
    script = world.script()
    p0 = [episode for episode in script if episode.severity is Severity.P0]

    assert Counter(episode.severity for episode in script) == {Severity.P0: 3, Severity.P1: 1, None: 1}
    assert {(e.mode, e.starts_s, e.lasts_s) for e in p0} == {
        (Mode.REFUSE, 5.0, 20.0), (Mode.UNAVAILABLE, 35.0, 20.0), (Mode.HANG, 60.0, 18.0),
    }  # fmt: skip
    assert [e.cluster is None for e in script] == [e.severity is Severity.P0 for e in script]
    assert len({episode.provider for episode in script}) == 5
    assert all(world.truth()[episode.provider] is not Tier.GOLD for episode in script)
    assert max(episode.ends_s for episode in script) <= SCRIPT_ENDS_S
