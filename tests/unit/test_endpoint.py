"""tcp_connect and dns_lookup: the way to a host and port, and what is wrong with it, each by its name."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest
from pydantic import ValidationError

from probes.attempt import observe
from probes.failure import reason_of_connecting
from probes.kinds.dns_lookup import DnsLookupModule, judged
from schemas.observation import Observation, Outcome, Reason
from tests.support.bad_server import bad_server, hangs
from tests.support.sockets import closed_port, deaf_port
from tests.support.subjects import TICK, bench, subject_of


async def seen_of(kind: str, url: str, **module: object) -> Observation:
    """The observation of one attempt."""
    async with bench() as here:
        return await observe(here, subject_of(kind, url, **module), TICK, 0, 1)


async def test_a_port_that_listens_is_connected_to_and_each_phase_is_timed() -> None:
    """By name there is a resolution, by address there is none."""
    async with bad_server(hangs) as server:
        port = server.url.split(":")[2].split("/")[0]
        by_name = await seen_of("tcp_connect", f"http://localhost:{port}/v1")
        by_address = await seen_of("tcp_connect", server.url)

    assert (by_name.outcome, by_address.outcome) == (Outcome.OK, Outcome.OK)
    for timings in (by_name.timings, by_address.timings):
        assert timings.connect_ms is not None and timings.total_ms is not None
        assert 0 < timings.connect_ms <= timings.total_ms < 1000
    assert by_name.timings.dns_ms is not None and by_name.timings.dns_ms > 0
    assert by_address.timings.dns_ms is None
    assert server.requests == []


async def test_what_keeps_a_connection_from_being_made_has_its_name() -> None:
    """A closed port, one that does not answer, and a name that nobody has."""
    with closed_port() as closed, deaf_port() as deaf:
        refused = await seen_of("tcp_connect", f"http://127.0.0.1:{closed}")
        late = await seen_of("tcp_connect", f"http://127.0.0.1:{deaf}", timeout="200ms")
    unknown = await seen_of("tcp_connect", "http://no-such-host.invalid")

    assert (refused.outcome, refused.reason) == (Outcome.FAILED, Reason.CONNECT_REFUSED)
    assert (late.outcome, late.reason) == (Outcome.FAILED, Reason.CONNECT_TIMEOUT)
    assert late.timings.total_ms is not None and 195 <= late.timings.total_ms < 1500
    assert (unknown.outcome, unknown.reason) == (Outcome.FAILED, Reason.DNS_FAILED)
    assert unknown.timings.dns_ms is None and "no-such-host.invalid" in unknown.detail


def test_every_address_refused_is_refused_and_any_other_error_is_not() -> None:
    """Errors of several addresses come joined, and with one number only when it is the same."""
    joined = OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 111] Connect call failed")

    assert reason_of_connecting(joined, resolved=True) is Reason.CONNECT_REFUSED
    assert reason_of_connecting(OSError(113, "No route to host"), resolved=True) is Reason.CONNECT_FAILED


async def test_a_name_is_resolved_counted_and_timed() -> None:
    """This machine knows itself."""
    seen = await seen_of("dns_lookup", "https://localhost", expected=["127.0.0.0/8", "::1"])

    assert (seen.outcome, seen.detail) == (Outcome.OK, "")
    assert seen.figures["addresses"] == seen.figures["ipv4"] + seen.figures["ipv6"] >= 1
    assert seen.timings.dns_ms is not None and seen.timings.dns_ms > 0
    assert seen.timings.connect_ms is None


async def test_a_name_that_nobody_has_and_one_that_is_not_answered_in_time_are_dns_failed() -> None:
    """The resolver's threads are all busy: nothing comes."""
    unknown = await seen_of("dns_lookup", "https://no-such-host.invalid")
    release = threading.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = loop.run_in_executor(None, release.wait)
    try:
        late = await seen_of("dns_lookup", "https://localhost", timeout="100ms")
    finally:
        release.set()
        await busy

    assert (unknown.outcome, unknown.reason) == (Outcome.FAILED, Reason.DNS_FAILED)
    assert (late.outcome, late.reason) == (Outcome.FAILED, Reason.DNS_FAILED)
    assert "not within 0.1 s" in late.detail


async def test_a_host_that_is_an_address_is_our_own_mistake() -> None:
    """There is nothing to resolve, so the provider is not charged."""
    seen = await seen_of("dns_lookup", "https://127.0.0.1")

    assert (seen.outcome, seen.reason) == (Outcome.NOT_OBSERVED, Reason.OBSERVER_ERROR)
    assert "127.0.0.1 is an address" in seen.detail


def test_a_strange_address_and_too_few_addresses_are_degraded() -> None:
    """An address belongs to one of the networks, or stands there itself; a wrong answer is another matter."""
    found = {ip_address("203.0.113.7"), ip_address("198.51.100.1"), ip_address("2001:db8::1")}
    module = {"kind": "dns_lookup", "expected": ("203.0.113.0/24", "2001:db8::1")}

    strange = judged(found, DnsLookupModule.model_validate(module))
    few = judged(found, DnsLookupModule(kind="dns_lookup", addresses_min=4))
    good = judged(found, DnsLookupModule(kind="dns_lookup", addresses_min=3))

    assert (strange.outcome, strange.reason) == (Outcome.DEGRADED, Reason.DNS_FAILED)
    assert strange.detail == "not among the expected addresses: 198.51.100.1"
    assert (few.outcome, few.detail) == (Outcome.DEGRADED, "3 addresses, at least 4 are expected")
    assert (good.outcome, good.figures) == (Outcome.OK, {"addresses": 3.0, "ipv4": 2.0, "ipv6": 1.0})


def test_an_expected_address_that_is_none_is_refused_at_start() -> None:
    """Not at the first tick."""
    with pytest.raises(ValidationError, match=r"203\.0\.113\.300"):
        DnsLookupModule.model_validate({"kind": "dns_lookup", "expected": ["203.0.113.300"]})
