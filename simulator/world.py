"""A world of eighteen clouds with ninety clusters, whose truth is known: who has which personality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from schemas.verdict import Tier
from simulator.deviation import Deviation
from simulator.dice import number, shuffled, throw
from simulator.personality import PERSONALITIES, Personality
from simulator.script import ACTORS, Episode, script_of

MODEL = "ours-70b"
TARGET = "chat"
PAGE_MODULE = "engine"  # looks at the page of its engine
VANTAGES = ("local", "abroad")  # of its past; the living agent is at the first

# Providers and their clusters are invented; the names say nothing of what they are like.
NAMES: dict[str, str] = {
    "aurora": "Aurora Compute",
    "basalt": "Basalt Cloud",
    "cinder": "Cinder GPU",
    "dunlin": "Dunlin Systems",
    "ember": "Ember Inference",
    "fathom": "Fathom Cloud",
    "gannet": "Gannet",
    "harrier": "Harrier Compute",
    "isthmus": "Isthmus",
    "juniper-gpu": "Juniper GPU",
    "kestrel": "Kestrel Cloud",
    "lagoon": "Lagoon",
    "meridian": "Meridian Compute",
    "nimbus-nine": "Nimbus Nine",
    "osprey": "Osprey",
    "pelagic": "Pelagic Cloud",
    "quarry": "Quarry GPU",
    "rowan": "Rowan Compute",
}
_REGIONS = ("us-east", "us-west", "eu-west", "eu-north", "ap-south")
_GPUS = ("H100", "H200", "B200", "H100", "MI300X")
_COUNTS = (64, 128, 192, 256)
_PRECISIONS = ("fp8", "bf16")


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster of a cloud, with what the cloud claims about it."""

    name: str
    region: str
    gpu: str
    count: int
    precision: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """One simulated provider."""

    id: str
    name: str
    personality: Personality
    sites: tuple[Site, ...]

    @property
    def clusters(self) -> tuple[str, ...]:
        """The names of its clusters, in the order of their ports."""
        return tuple(site.name for site in self.sites)


@dataclass(frozen=True)
class World:
    """All clouds, sorted by id. The same seed and shuffle give the same world."""

    seed: int
    shuffle: int
    clouds: tuple[Cloud, ...]

    @classmethod
    def of(cls, seed: int = 7, shuffle: int = 0) -> World:
        """The world of *seed*; *shuffle* deals the personalities anew."""
        dealt = shuffled(PERSONALITIES, seed, "personalities", shuffle)
        clouds = (
            Cloud(id, NAMES[id], personality, _sites(index))
            for index, (id, personality) in enumerate(zip(sorted(NAMES), dealt, strict=True))
        )
        return cls(seed, shuffle, tuple(clouds))

    def deviating(self, deviations: Mapping[str, Deviation]) -> World:
        """This world, with some providers (by id) that differ from what they claim; raises KeyError for a stranger."""
        clouds = {cloud.id: cloud for cloud in self.clouds}
        for id, deviation in deviations.items():
            cloud = clouds[id]
            clouds[id] = replace(cloud, personality=replace(cloud.personality, deviation=deviation))
        return World(self.seed, self.shuffle, tuple(clouds.values()))

    @property
    def key(self) -> str:
        """The bearer key that every cloud of this world asks for."""
        return f"sim-{throw(self.seed, 'key', self.shuffle, size=16).hex()}"

    def truth(self) -> dict[str, Tier]:
        """The tier that each provider deserves."""
        return {cloud.id: cloud.personality.truth for cloud in self.clouds}

    def two_faced(self) -> frozenset[str]:
        """The providers that treat probes better than traffic."""
        return frozenset(cloud.id for cloud in self.clouds if cloud.personality.probes_treated_better)

    def script(self) -> tuple[Episode, ...]:
        """The live incidents, on five different providers, none of them gold."""
        return self._script

    @cached_property
    def _script(self) -> tuple[Episode, ...]:
        fallible = [cloud for cloud in self.clouds if cloud.personality.truth is not Tier.GOLD]
        actors = shuffled(fallible, self.seed, "actors", self.shuffle)[:ACTORS]
        return script_of((cloud.id, f"{cloud.id}/{self._weak_cluster(cloud)}") for cloud in actors)

    def _weak_cluster(self, cloud: Cloud) -> str:
        return cloud.clusters[number(self.seed, "weak", cloud.id) % len(cloud.clusters)]


def _sites(provider: int) -> tuple[Site, ...]:
    """Five clusters, a region each; regions and GPUs turn with the provider's place in the list."""
    sites = []
    for index in range(len(_REGIONS)):
        region = _REGIONS[(index + provider * 2) % len(_REGIONS)]
        gpu = _GPUS[(index + provider) % len(_GPUS)]
        count = _COUNTS[(index + provider) % len(_COUNTS)]
        sites.append(Site(f"{region}-{gpu.lower()}", region, gpu, count, _PRECISIONS[(index + provider) % 2]))
    return tuple(sites)
