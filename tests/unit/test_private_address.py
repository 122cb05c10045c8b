"""Every way to write an address of our own house is recognised, and no public one is taken for one."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.private_address import literal_private, why_private

PRIVATE = {
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "shared by a carrier",
    "169.254.169.254": "link-local",
    "169.254.170.2": "link-local",
    "192.0.0.192": "reserved",
    "198.18.0.1": "for benchmarks",
    "203.0.113.9": "for documentation",
    "224.0.0.1": "multicast",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "[::1]": "loopback",
    "fe80::1%eth0": "link-local",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "2001:db8::1": "for documentation",
    "2001::1": "reserved",  # Teredo
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "link-local",
    "::127.0.0.1": "loopback",
    "::ffff:0:10.0.0.1": "private",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::1": "private",
    "2002:7f00:1::": "loopback",
    "2002:a9fe:a9fe::1": "link-local",
}
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "169.253.1.1", "192.167.1.1",
    "198.17.1.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_leads_into_our_house_is_named(address: str) -> None:
    """IPv4 in every disguise that IPv6 has for it, too."""
    assert why_private(address) == PRIVATE[address]


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_outside_is_let_through(address: str) -> None:
    """Right beside the private networks as well."""
    assert why_private(address) is None


@given(ip=st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_ipv4_address_is_judged_the_same_when_ipv6_carries_it(ip: IPv4Address) -> None:
    """Mapped, translated or in 6to4."""
    carried = [IPv6Address(0xFFFF << 32 | int(ip)), IPv6Address(0x64FF9B << 96 | int(ip))]
    carried.append(IPv6Address(0x2002 << 112 | int(ip) << 80 | 1))

    assert {why_private(str(one)) for one in carried} == {why_private(str(ip))}


@given(ip=st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address))
def test_what_python_calls_private_is_private(ip: IPv4Address | IPv6Address) -> None:
    """Its own list, except for what carries IPv4 and is judged by that."""
    if (ip.is_private or ip.is_multicast or ip.is_link_local) and ip not in ip_network("::/32"):
        assert why_private(str(ip)) is not None


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "[::1]", "169.254.169.254", "127.1", "2130706433",
     "0x7f000001", "0177.0.0.1"],
)  # fmt: skip
def test_a_host_that_needs_no_resolver_is_recognised(host: str) -> None:
    """As a URL writes it."""
    assert literal_private(host) is not None


@pytest.mark.parametrize(
    "host", ["hooks.slack.com", "metadata.google.internal", "1.1.1.1", "hooks.example.1x", "2606:4700::1111", ""]
)
def test_any_other_host_is_for_the_resolver_to_say(host: str) -> None:
    """It is looked at when it is connected to."""
    assert literal_private(host) is None
