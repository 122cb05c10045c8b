"""The fleet as the incident judge looks things up in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.config import Configuration


@dataclass(frozen=True, slots=True)
class FleetIndex:
    """Which clusters a provider has, which targets a cluster, and how often a module asks a target, in seconds."""

    clusters: Mapping[str, tuple[str, ...]]
    targets: Mapping[str, tuple[str, ...]]
    intervals_s: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def of(cls, configuration: Configuration) -> FleetIndex:
        """The index of the fleet in *configuration*."""
        clusters: dict[str, dict[str, None]] = {}
        targets: dict[str, tuple[str, ...]] = {}
        intervals_s: dict[tuple[str, str], float] = {}
        modules = configuration.settings.modules
        for place in configuration.fleet.places():
            clusters.setdefault(place.provider, {})[place.cluster] = None
            targets[place.cluster] = (*targets.get(place.cluster, ()), place.id)
            intervals_s |= {
                (place.id, name): modules[name].interval for name in place.target.modules if name in modules
            }
        return cls({provider: tuple(names) for provider, names in clusters.items()}, targets, intervals_s)

    def knows(self, target: str, module: str) -> bool:
        """Whether that is still asked; an index without intervals knows everything."""
        return not self.intervals_s or (target, module) in self.intervals_s

    def inside(self, provider: str) -> int:
        """How many targets a provider has."""
        return sum(len(self.targets.get(cluster, ())) for cluster in self.clusters.get(provider, ()))
