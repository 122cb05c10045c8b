"""When each phase of a request happened, on the monotonic clock, read at aiohttp's public hooks."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp

from schemas.clock import Clock
from schemas.observation import Timings

CURRENT: ContextVar[Phases | None] = ContextVar("phases", default=None)


@dataclass(slots=True)
class Phases:
    """The instants of one request in seconds; None where something did not happen. *on_sent* is called at the write."""

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

    def __post_init__(self) -> None:
        self.start = self.clock.monotonic()

    def mark(self, name: str) -> None:
        """Stamp the instant *name* now."""
        setattr(self, name, self.clock.monotonic())

    def mark_sent(self) -> None:
        """Stamp a write of the request; the last one counts."""
        self.sent = self.clock.monotonic()
        if self.on_sent is not None:
            self.on_sent()

    def timings(
        self,
        token_arrivals: tuple[float, ...] = (),
        *,
        reasoning_at: float | None = None,
        stream_end_at: float | None = None,
    ) -> Timings:
        """The timings, with the instants (s) at which content, the first reasoning and the last byte arrived."""
        tcp_start = self.dns_end or self.connect_start
        since_sent = tuple(_ms(self.sent, at) or 0.0 for at in token_arrivals) if self.sent is not None else ()
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
