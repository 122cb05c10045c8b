"""
What two providers' endpoints share: the key of a certificate, its names, an address, a network.

Whoever holds the key ends the TLS of both, so that is evidence of one dependency, whoever it is. The rest are hints:
many customers of one CDN answer from one address, and a public authority issues to everybody. Addresses that are
nobody's outside (private, loopback) are never shared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import combinations
from types import MappingProxyType

from schemas.private_address import why_private

NETWORK_BITS = {4: 24, 6: 48}


class What(StrEnum):
    """What is shared; the first three are items of the series `endpoint`."""

    KEY = "key"  # SHA-256 of the public key of the certificate
    CERTIFICATE = "certificate"  # its issuer and its names
    ADDRESS = "address"
    NETWORK = "network"  # a /24, or a /48 of IPv6


class Weight(StrEnum):
    """How much it says."""

    EVIDENCE = "evidence"
    HINT = "hint"


WEIGHT: Mapping[What, Weight] = MappingProxyType(dict.fromkeys(What, Weight.HINT) | {What.KEY: Weight.EVIDENCE})


@dataclass(frozen=True, slots=True)
class Sighting:
    """*value* was seen *n* times at an endpoint of *provider*, the last time at *last*."""

    provider: str
    what: What
    value: str
    n: int
    last: datetime


@dataclass(frozen=True, slots=True, order=True)
class Shared:
    """*value* was seen at endpoints of *a* (n_a times, the last at last_a) and of *b*; a < b."""

    a: str
    b: str
    what: What
    value: str
    n_a: int
    n_b: int
    last_a: datetime
    last_b: datetime

    @property
    def weight(self) -> Weight:
        """Evidence, or a hint."""
        return WEIGHT[self.what]


def shared(sightings: Iterable[Sighting]) -> tuple[Shared, ...]:
    """What any two providers share; a network only where they share no address in it."""
    seen: dict[tuple[What, str], dict[str, Sighting]] = defaultdict(dict)
    for one in _comparable(sightings):
        by = seen[one.what, one.value]
        before = by.get(one.provider)
        by[one.provider] = one if before is None else replace(one, n=before.n + one.n, last=max(before.last, one.last))
    found = sorted(
        Shared(a, b, what, value, by[a].n, by[b].n, by[a].last, by[b].last)
        for (what, value), by in seen.items()
        for a, b in combinations(sorted(by), 2)
    )
    said = {(one.a, one.b, network_of(one.value)) for one in found if one.what is What.ADDRESS}
    return tuple(one for one in found if one.what is not What.NETWORK or (one.a, one.b, one.value) not in said)


def public(address: str) -> str | None:
    """*address* in its usual form when it is a public one; None of any other, and of what is no address."""
    try:
        ip = ip_address(address)
        if why_private(address) is not None:
            return None
    except ValueError:
        return None
    return str(ip.ipv4_mapped if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None else ip)


def network_of(address: str) -> str:
    """The network of a public *address*: `198.18.7.0/24`."""
    ip = ip_address(address)
    return str(ip_network((ip, NETWORK_BITS[ip.version]), strict=False))


def _comparable(sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """Those that can be shared, and each address as its network too."""
    for one in sightings:
        if one.what is not What.ADDRESS:
            yield one
        elif (address := public(one.value)) is not None:
            yield replace(one, value=address)
            yield replace(one, what=What.NETWORK, value=network_of(address))
