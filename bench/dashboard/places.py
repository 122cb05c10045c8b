"""What is opened: every page of the catalogue, of what, and its filters, which stand in the address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Filter:
    """One click: on the pill *option*, or on it in the list of the select *label*; then *address* is in the address."""

    kind: Literal["pill", "select"]
    option: str
    address: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A page as it is opened."""

    name: str
    query: str = ""
    filters: tuple[Filter, ...] = ()

    @property
    def path(self) -> str:
        """Of its address."""
        return f"/{self.name}{self.query}"


def places(provider: str, other: str, cluster: str, incident: str) -> tuple[Place, ...]:
    """Every page; those that are of one thing, of these. *other* is chosen where a provider can be."""

    def of(label: str, option: str, address: str) -> Filter:
        return Filter("select", option, address, label)

    month, quarter = Filter("pill", "30d", "30d"), Filter("pill", "90d", "90d")
    own = of("Provider", other, f"of={other}")
    return (
        Place("status", filters=(Filter("pill", "suspect", "tier=suspect"),)),
        Place("incidents", filters=(Filter("pill", "P1", "severity=P1"), own)),
        Place("compare", filters=(quarter, Filter("pill", "7d", "7d"))),
        Place("capacity", filters=(own,)),
        Place("sla", filters=(own,)),
        Place("pages", filters=(quarter, Filter("pill", "late", "late"))),
        Place("integrity", filters=(Filter("pill", "below the line", "suspicion=below"),)),
        Place("reports", filters=(own, quarter)),
        Place("method"),
        Place("health"),
        Place("provider", f"?provider={provider}", (month, quarter, of("Cluster", cluster, "cluster="))),
        Place("cluster", f"?cluster={cluster}", (month, quarter)),
        Place("incident", f"?id={incident}"),
    )
