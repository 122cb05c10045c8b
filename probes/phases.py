"""When each phase of a request happened, on the monotonic clock, read at aiohttp's public hooks."""

from __future__ import annotations

import ssl
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp

from probes.stamped_socket import Growing, Journal, StampedSocket
from schemas.clock import Clock
from schemas.observation import Connection, Instrument, Stamp, Timings

CURRENT: ContextVar[Phases | None] = ContextVar("phases", default=None)
CLOCK_STEP_S = 0.001  # the wall clock cannot be read against the monotonic one better than a fraction of this


@dataclass(slots=True)
class Phases:
    """
    The instants of one request in seconds of the monotonic clock; None where something did not happen.

    *on_sent* is called at each write of the request. *stamps* are the instants of the socket's reads, once it is over.
    """

    clock: Clock
    start: float = field(init=False)
    dns_start: float | None = None
    dns_end: float | None = None
    connect_start: float | None = None
    tls_start: float | None = None
    connected: float | None = None
    sent: float | None = None
    first_byte: float | None = None
    end: float | None = None
    on_sent: Callable[[], None] | None = None
    journal: Journal = field(init=False)
    socket: StampedSocket | None = None
    warm: bool = False
    stamp: Stamp = Stamp.USER
    stamps: list[float] = field(default_factory=list)
    clock_step_s: float = 0.0
    _offset: float = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Start over: what came before (a connection made warm) is not of this request."""
        self.start, self._offset = self.clock.monotonic(), self.clock.wall_offset()
        self.journal = Journal(self.clock.monotonic)
        self.dns_start = self.dns_end = self.connect_start = self.tls_start = self.connected = self.sent = None

    def mark(self, name: str) -> None:
        """Stamp the instant *name* now."""
        setattr(self, name, self.clock.monotonic())

    def opened(self, used: StampedSocket) -> None:
        """The request has its connection: from here its socket keeps this journal."""
        used.journal, self.warm, used.used, self.socket = self.journal, used.used, True, used
        if self.connected is None:
            self.mark("connected")

    def mark_sent(self) -> None:
        """A part of the request has been handed to the connection; the socket's own last write counts."""
        if self.on_sent is not None:
            self.on_sent()

    def answered(self, body: Growing) -> None:
        """The headers are here, and *body* is what follows."""
        self.journal.body = body
        self.sent, self.first_byte = self.journal.written, self.clock.monotonic()

    def finish(self) -> None:
        """The request is over, however: no more reads, no more writes. From here the stamps are known."""
        self.end = self.clock.monotonic()
        step = self.clock.wall_offset() - self._offset
        self.clock_step_s = step if abs(step) >= CLOCK_STEP_S else 0.0
        self.stamp, self.stamps = self._read_stamps()
        if self.sent is None:
            self.sent = self.journal.written
        if self.first_byte is not None:
            headers = bisect_right(self.journal.user, self.first_byte)
            self.first_byte = self.stamps[headers - 1] if headers else self.first_byte

    def _read_stamps(self) -> tuple[Stamp, list[float]]:
        """The instant of each read: the kernel's, or the user's where the clock stepped or the kernel said nothing."""
        user, kernel, offset = self.journal.user, self.journal.kernel_s(), self._offset
        if self.clock_step_s or not kernel or len(kernel) < len(user):
            return Stamp.USER, user
        return Stamp.KERNEL, [
            at if (at := stamp - offset) < read else read for stamp, read in zip(kernel, user, strict=True)
        ]

    def timings(
        self, content: Sequence[float] = (), *, reasoning_at: float | None = None, stream_end_at: float | None = None
    ) -> Timings:
        """The timings, with the instants (s) at which content, the first reasoning and the last byte arrived."""
        tcp_start = self.dns_end or self.connect_start
        sent = self.sent
        since_sent = tuple([round((at - sent) * 1e7) / 1e4 for at in content]) if sent is not None else ()  # as _ms
        return Timings(
            dns_ms=_ms(self.dns_start, self.dns_end),
            connect_ms=_ms(tcp_start, self.tls_start or self.connected),
            tls_ms=_ms(self.tls_start, self.connected),
            sent_ms=_ms(self.start, self.sent),
            first_byte_ms=_ms(self.sent, self.first_byte),
            reasoning_ms=_ms(self.sent, reasoning_at),
            first_token_ms=since_sent[0] if since_sent else None,
            last_token_ms=since_sent[-1] if since_sent else None,
            stream_end_ms=_ms(self.sent, stream_end_at),
            total_ms=_ms(self.start, self.end),
            arrivals_ms=since_sent,
        )

    def merged_first(self, content: Sequence[float], end: float | None) -> float | None:
        """When the read was made that brought the first of *content* and what followed it, or the *end*; else None."""
        if content and content[0] in (*content[1:2], end) and content[0] in self.stamps:
            return self.journal.user[self.stamps.index(content[0])]
        return None

    def instrument(self, content: Sequence[float] = ()) -> Instrument:
        """How it was measured, given the instants (s) at which content arrived."""
        return Instrument(
            connection=Connection.WARM if self.warm else Connection.COLD,
            stamp=self.stamp,
            reads=len(self.journal.user),
            merged_reads=sum(count > 1 for count in Counter(content).values()),
            clock_step_ms=round(self.clock_step_s * 1000, 3),
        )


class StampingContext(ssl.SSLContext):
    """A client context that stamps the start of each handshake (asyncio asks for the BIO when TCP is connected)."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As ssl.SSLContext.wrap_bio."""
        if (phases := CURRENT.get()) is not None:
            phases.mark("tls_start")
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


def verifying_context(ca_file: str | None = None) -> StampingContext:
    """A context that verifies certificate and host name, against *ca_file* or the system's authorities."""
    context = StampingContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(ca_file)
    return context


def trace_config() -> aiohttp.TraceConfig:
    """Hooks that stamp the Phases given as a request's `trace_request_ctx`."""
    config = aiohttp.TraceConfig()
    config.on_dns_resolvehost_start.append(_marking("dns_start"))
    config.on_dns_resolvehost_end.append(_marking("dns_end"))
    config.on_connection_create_start.append(_marking("connect_start"))
    config.on_connection_create_end.append(_marking("connected"))
    config.on_request_headers_sent.append(_mark_sent)
    config.on_request_chunk_sent.append(_mark_sent)
    return config


def _marking(name: str) -> Any:
    async def mark(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.mark(name)

    return mark


async def _mark_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    context.trace_request_ctx.mark_sent()


def _ms(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round((end - start) * 1000, 4)
