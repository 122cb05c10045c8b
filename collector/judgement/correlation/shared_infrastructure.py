"""
What two providers' endpoints share: the key of a certificate, its names, an address, a network.

Whoever holds the key ends the TLS of both, so that is evidence of one dependency, whoever it is. The rest are hints:
many customers of one CDN answer from one address, and a public authority issues to everybody. Addresses that are
nobody's outside (private, loopback) are never shared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    """*value* was seen at endpoints of *a* (n_a times) and of *b* (n_b times); a < b."""

    a: str
    b: str
    what: What
    value: str
    n_a: int
    n_b: int

    @property
    def weight(self) -> Weight:
        """Evidence, or a hint."""
        return WEIGHT[self.what]


def shared(sightings: Iterable[Sighting]) -> tuple[Shared, ...]:
    """What any two providers share; a network only where they share no address in it."""
    seen: dict[tuple[What, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for what, value, provider, n in _comparable(sightings):
        seen[what, value][provider] += n
    found = sorted(
        Shared(a, b, what, value, by[a], by[b])
        for (what, value), by in seen.items()
        for a, b in combinations(sorted(by), 2)
    )
    said = {(one.a, one.b, network_of(one.value)) for one in found if one.what is What.ADDRESS}
    return tuple(one for one in found if one.what is not What.NETWORK or (one.a, one.b, one.value) not in said)


def network_of(address: str) -> str | None:
    """The network of a public *address*, `198.18.7.0/24`; None of any other, and of what is no address."""
    try:
        ip = ip_address(address)
        if why_private(address) is not None:
            return None
    except ValueError:
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return str(ip_network((ip, NETWORK_BITS[ip.version]), strict=False))


def _comparable(sightings: Iterable[Sighting]) -> Iterator[tuple[What, str, str, int]]:
    for one in sightings:
        if one.what is not What.ADDRESS:
            yield one.what, one.value, one.provider, one.n
        elif (network := network_of(one.value)) is not None:
            yield What.ADDRESS, one.value, one.provider, one.n
            yield What.NETWORK, network, one.provider, one.n
