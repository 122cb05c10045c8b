"""The way to a target's host and port, for kinds that need no HTTP: name resolution and TCP, each timed by itself."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aiohappyeyeballs import AddrInfoType, start_connection

from probes.contract import Finding, Subject
from probes.failure import detail_of, reason_of_connecting
from schemas.clock import Clock
from schemas.errors import TouchstoneError
from schemas.observation import Outcome, Timings

ADDRESSES_MAX = 32  # tried at most; a name with more is no better reachable
EYEBALLS_DELAY_S = 0.25  # as aiohttp, so that this kind reaches what a request reaches
_PORTS = {"https": 443, "http": 80}


@dataclass(slots=True)
class Approach:
    """How far a probe has come towards an endpoint: instants on the monotonic clock (s), None before they happen."""

    clock: Clock
    host: str
    port: int
    start: float = field(init=False)
    resolved: float | None = None
    connected: float | None = None
    secured: float | None = None
    peer: tuple[Any, ...] | None = None  # the address and port that answered, as the socket says

    def __post_init__(self) -> None:
        self.start = self.clock.monotonic()

    @classmethod
    def to(cls, url: str, clock: Clock) -> Approach:
        """The way to the host and port of *url*, begun now."""
        parts = urlsplit(url)
        assert parts.hostname is not None, "a configured URL has a host"
        return cls(clock, parts.hostname, parts.port or _PORTS[parts.scheme])

    @property
    def named(self) -> bool:
        """Whether the host is a name, so that there is something to resolve."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return True
        return False

    async def resolve(self) -> Sequence[AddrInfoType]:
        """What the system's resolver says of the host, as getaddrinfo; raises OSError."""
        if self.named:
            loop = asyncio.get_running_loop()
            found: Sequence[AddrInfoType] = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        else:  # no lookup, so no thread, which might have to wait for others' lookups
            numeric = socket.AI_NUMERICHOST
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=numeric)
        self.resolved = self.clock.monotonic()
        return found

    async def connect(self) -> socket.socket:
        """A connected socket, whichever address answers first; raises OSError, and TouchstoneError when it is us."""
        found = await self.resolve()
        try:
            made = await start_connection(found[:ADDRESSES_MAX], happy_eyeballs_delay=EYEBALLS_DELAY_S)
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                raise TouchstoneError(f"no socket could be made: {error.strerror}") from error
            raise
        self.connected = self.clock.monotonic()
        return made

    def timings(self) -> Timings:
        """The timings, of a probe that ends now."""
        return Timings(
            dns_ms=_ms(self.start, self.resolved) if self.named else None,
            connect_ms=_ms(self.resolved, self.connected),
            tls_ms=_ms(self.connected, self.secured),
            total_ms=_ms(self.start, self.clock.monotonic()),
        )

    def failed(self, error: BaseException, subject: Subject) -> Finding:
        """The finding of a way that *error* ended."""
        waited = f"not within {subject.module.timeout:g} s"
        words = getattr(error, "strerror", None) or str(error) or waited
        return Finding(
            outcome=Outcome.FAILED,
            reason=reason_of_connecting(error, resolved=self.resolved is not None),
            detail=detail_of(f"{self.host}:{self.port}: {words}", subject.bearer),
            timings=self.timings(),
        )


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 4)
