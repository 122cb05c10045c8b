"""`dns_lookup`: the target's host through this machine's resolver; good is enough addresses, all of them expected."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field, field_validator

from probes.contract import Ask, Finding
from probes.endpoint import Approach
from probes.failure import SERVER_ERRORS, detail_of
from schemas.config import Module
from schemas.errors import TouchstoneError
from schemas.observation import Outcome, Reason
from schemas.quantity import DurationS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
SHOWN_MAX = 5  # addresses in a detail


class DnsLookupModule(Module):
    """The resolution of a name."""

    kind: Literal["dns_lookup"]
    timeout: DurationS = 5.0
    connection: Literal["cold"] = "cold"
    addresses_min: Annotated[int, Field(ge=1)] = 1
    expected: tuple[str, ...] = Field(
        default=(), description="addresses or networks (203.0.113.0/24) that every found address must belong to"
    )

    @field_validator("expected")
    @classmethod
    def _networks(cls, expected: tuple[str, ...]) -> tuple[str, ...]:
        for text in expected:
            ipaddress.ip_network(text)  # its ValueError says what is wrong
        return expected


async def dns_lookup(ask: Ask) -> Finding:
    """Resolve the host and say what became of it."""
    subject, module = ask.subject, ask.subject.module
    assert isinstance(module, DnsLookupModule)
    approach = Approach.to(subject.place.target.url, ask.clock)
    if not approach.named:
        raise TouchstoneError(f"dns_lookup: {approach.host} is an address; there is no name to resolve")
    try:
        async with asyncio.timeout(module.timeout):
            found = await approach.resolve()
    except SERVER_ERRORS as error:
        return approach.failed(error, subject)
    addresses = {ipaddress.ip_address(str(entry[4][0])) for entry in found}
    finding = judged(addresses, module)
    return replace(finding, timings=approach.timings(), detail=detail_of(finding.detail, subject.bearer))


def judged(addresses: set[Address], module: DnsLookupModule) -> Finding:
    """Whether *addresses* are enough, and all expected."""
    figures = {
        "addresses": float(len(addresses)),
        "ipv4": float(sum(address.version == 4 for address in addresses)),
        "ipv6": float(sum(address.version == 6 for address in addresses)),
    }
    networks = [ipaddress.ip_network(text) for text in module.expected]
    strange = sorted(str(one) for one in addresses if networks and not any(one in network for network in networks))
    if strange:
        more = f" and {len(strange) - SHOWN_MAX} more" if len(strange) > SHOWN_MAX else ""
        detail = f"not among the expected addresses: {', '.join(strange[:SHOWN_MAX])}{more}"
    elif len(addresses) < module.addresses_min:
        detail = f"{len(addresses)} addresses, at least {module.addresses_min} are expected"
    else:
        return Finding(outcome=Outcome.OK, figures=figures)
    return Finding(outcome=Outcome.DEGRADED, reason=Reason.DNS_FAILED, detail=detail, figures=figures)
