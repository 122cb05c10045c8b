"""
Which addresses lead into our own house: loopback, private networks, the metadata service of a cloud.

The list is IANA's registry of special-purpose addresses, written out, because `ipaddress.is_global` of one Python says
another thing than that of the next.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4 = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "for documentation",
    "192.88.99.0/24": "reserved",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_V6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "private",
    "100::/64": "discarded",
    "100:0:0:1::/64": "reserved",
    "2001::/23": "reserved",
    "2001:db8::/32": "for documentation",
    "3fff::/20": "for documentation",
    "5f00::/16": "reserved",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
}
_CARRIERS = {  # IPv6 that carries an IPv4 address, and where in its 128 bits that ends
    "::/96": 0,
    "::ffff:0:0/96": 0,
    "::ffff:0:0:0/96": 0,
    "64:ff9b::/96": 0,
    "2002::/16": 80,
}
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*")  # what a resolver may take for one
V4 = tuple((IPv4Network(text), why) for text, why in _V4.items())
V6 = tuple((IPv6Network(text), why) for text, why in _V6.items())
CARRIERS = tuple((IPv6Network(text), shift) for text, shift in _CARRIERS.items())


def why_private(address: str) -> str | None:
    """
    Why *address* is nobody's outside (`loopback`, `link-local`, ...); None when it is public.

    *address* is an IP address as a resolver or a URL writes it, in brackets or with a zone too. An IPv6 address that
    carries an IPv4 address is judged by that. Raises ValueError when it is no IP address.
    """
    ip = ip_address(address.strip("[]").partition("%")[0])
    if isinstance(ip, IPv4Address):
        return _why_v4(ip)
    for network, why in V6:
        if ip in network:
            return why
    return next((_why_v4(_carried(ip, shift)) for network, shift in CARRIERS if ip in network), None)


def literal_private(host: str) -> str | None:
    """As why_private, of a host as a URL writes it: `localhost` too; None for a name that a resolver must say."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return "loopback"
    try:
        return why_private(name)
    except ValueError:
        return "an address in no usual form" if _NUMBERS.fullmatch(name) else None


def _why_v4(ip: IPv4Address) -> str | None:
    return next((why for network, why in V4 if ip in network), None)


def _carried(ip: IPv6Address, shift: int) -> IPv4Address:
    return IPv4Address(int(ip) >> shift & 0xFFFFFFFF)
