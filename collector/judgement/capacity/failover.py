"""
Who can take the load of a cluster that dies, or of a whole provider: engines of the same model, by their headroom.

Loads are peaks (95th percentiles) on both sides, as if all peaked at once. A request is taken to be as large on one
cluster as on another; an engine whose headroom is not known takes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HOSTS_MAX = 20  # named for each; all of them are counted


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine: requests at its peak, and how many more fit beside them; None where nobody can say."""

    target: str
    model: str
    load: float | None
    headroom: float | None

    @property
    def cluster(self) -> str:
        """`provider/cluster`."""
        return self.target.rpartition("/")[0]

    def in_(self, place: str) -> bool:
        """Whether it is in *place*, a cluster or a provider."""
        return self.target.startswith(f"{place}/")


@dataclass(frozen=True, slots=True)
class Host:
    """An engine that takes load over: what *share* of it alone could, and how many requests are *placed* here."""

    target: str
    share: float
    placed: float


@dataclass(frozen=True, slots=True)
class ModelFailover:
    """Where the *load* (requests) of one model goes: *placed* of it on *hosts*, the largest headroom first."""

    model: str
    load: float
    placed: float
    hosts: tuple[Host, ...]
    hosts_n: int


@dataclass(frozen=True, slots=True)
class Failover:
    """
    What becomes of the load when *lost* (a cluster or a provider) dies, by model.

    unmeasured: its own engines whose load nobody knows; unknown_hosts: of how many others with the same models nobody
    knows the headroom.
    """

    lost: str
    models: tuple[ModelFailover, ...]
    unmeasured: tuple[str, ...]
    unknown_hosts: int

    @property
    def load(self) -> float:
        """Requests at the peak, of the engines that are known."""
        return sum(one.load for one in self.models)

    @property
    def placed(self) -> float:
        """Requests that find a place."""
        return sum(one.placed for one in self.models)

    @property
    def share(self) -> float | None:
        """The share of the load that finds a place, 0 to 1; None when the load of one of its engines is not known."""
        if self.unmeasured or not self.models:
            return None
        return self.placed / self.load if self.load else 1.0


def failovers(engines: Iterable[Engine], places: Iterable[str]) -> tuple[Failover, ...]:
    """What becomes of each of *places* (clusters or providers) when it alone dies."""
    by_model: dict[str, list[Engine]] = defaultdict(list)
    for one in engines:
        by_model[one.model].append(one)
    for several in by_model.values():
        several.sort(key=lambda one: (-(one.headroom or 0.0), one.target))
    return tuple(_failover(place, by_model) for place in places)


def _failover(place: str, by_model: dict[str, list[Engine]]) -> Failover:
    models, unmeasured, unknown = [], [], 0
    for model, engines in sorted(by_model.items()):
        mine = [one for one in engines if one.in_(place)]
        if not mine:
            continue
        others = [one for one in engines if not one.in_(place)]
        unmeasured += [one.target for one in mine if one.load is None]
        unknown += sum(one.headroom is None for one in others)
        known = [one.load for one in mine if one.load is not None]
        if known:
            models.append(_placed(model, sum(known), others))
    return Failover(place, tuple(models), tuple(sorted(unmeasured)), unknown)


def _placed(model: str, load: float, others: Sequence[Engine]) -> ModelFailover:
    """*others* by their headroom, the largest first."""
    left, hosts_n = load, 0
    hosts: list[Host] = []
    for one in others:
        if not one.headroom:
            continue
        hosts_n += 1
        taken = min(left, one.headroom)
        left -= taken
        if len(hosts) < HOSTS_MAX:
            hosts.append(Host(one.target, min(1.0, one.headroom / load) if load else 1.0, taken))
    return ModelFailover(model, load, load - left, tuple(hosts), hosts_n)
