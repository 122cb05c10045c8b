"""What the configuration holds: clusters with what they claim and their pages, GPUs reserved by contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from schemas.config import Configuration
from schemas.contract import Contract

KIND = "engine_metrics"


@dataclass(frozen=True, slots=True)
class Holding:
    """One cluster: the GPUs that it claims (None: it does not say), and the model of each target with a page."""

    claimed: int | None = None
    pages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """From the day *begins* on *gpus* are reserved, until the next one; None: nothing is."""

    begins: date
    gpus: int | None


@dataclass(frozen=True, slots=True)
class Holdings:
    """Clusters by id (`provider/cluster`), and by provider the reservations of its contract, the oldest first."""

    clusters: Mapping[str, Holding]
    reservations: Mapping[str, tuple[Reservation, ...]] = field(default_factory=dict)

    def reserved(self, provider: str, day: date) -> int | None:
        """The GPUs that are reserved with *provider* on *day*; None when no contract in force says."""
        held = [one for one in self.reservations.get(provider, ()) if one.begins <= day]
        return held[-1].gpus if held else None


def holdings(configuration: Configuration) -> Holdings:
    """What *configuration* holds."""
    modules = configuration.settings.modules
    clusters = {
        f"{provider_id}/{name}": Holding(
            claimed=cluster.claims.count,
            pages={
                f"{provider_id}/{name}/{target_name}": target.model
                for target_name, target in sorted(cluster.targets.items())
                if any(modules[module].kind == KIND for module in target.modules)
            },
        )
        for provider_id, provider in sorted(configuration.fleet.providers.items())
        for name, cluster in sorted(provider.clusters.items())
    }
    return Holdings(
        clusters, {provider: reservations(contract) for provider, contract in configuration.contracts.items()}
    )


def reservations(contract: Contract) -> tuple[Reservation, ...]:
    """What *contract* reserves from each day on that changes which of its versions is in force."""
    days = {version.begins for version in contract.versions}
    days |= {version.ends for version in contract.versions if version.ends is not None}
    found = []
    for day in sorted(days):
        terms = contract.in_force(day)
        found.append(Reservation(day, terms.commit.gpus if terms is not None and terms.commit is not None else None))
    return tuple(found)
