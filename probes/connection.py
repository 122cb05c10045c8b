"""The agent's HTTP client: cold connections and warm ones, every arrival stamped, certificates verified."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

import aiohttp

from probes.failure import SERVER_ERRORS
from probes.hold import BODY_BYTES_MAX
from probes.phases import CURRENT, Phases, trace_config, verifying_context
from probes.stamped_socket import StampedSocket, ask_for_stamps, stamped_socket
from schemas.errors import TouchstoneError
from schemas.fleet import Target

CONTEXTS_MAX = 256
USER_AGENT = "touchstone"
KEPT_S = 30.0  # between a warm-up and its request; most servers keep idle connections for less
WARM_UP_S = 1.0


class StampingConnector(aiohttp.TCPConnector):
    """Gives each request's Phases the stamped socket that it will go over, new or kept."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(limit=0, use_dns_cache=False, socket_factory=self._made, **settings)
        self._stamped: WeakValueDictionary[int, StampedSocket] = WeakValueDictionary()

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        """As TCPConnector.connect."""
        connection = await super().connect(req, traces, timeout)
        phases, transport = CURRENT.get(), connection.transport
        if phases is not None and transport is not None:
            stamped = self._stamped.get(transport.get_extra_info("socket").fileno())
            if stamped is not None:
                phases.opened(stamped)
        return connection

    def _made(self, address: tuple[Any, ...]) -> StampedSocket:
        made = stamped_socket(address)
        self._stamped[made.fileno()] = made
        return made


class Connections:
    """
    An async context manager; `request` sends one request, cold or warm.

    Needs an event loop that reads through the socket it is given: asyncio's selector loop, not uvloop.
    """

    def __init__(self) -> None:
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._anchor: socket.socket | None = None
        self._context = lru_cache(CONTEXTS_MAX)(verifying_context)

    async def __aenter__(self) -> Connections:
        require_selector_loop(asyncio.get_running_loop())
        self._anchor = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ask_for_stamps(self._anchor)  # the kernel stamps nothing until the first socket has asked for a moment
        self._sessions = {
            False: _session(StampingConnector(force_close=True)),
            True: _session(StampingConnector(keepalive_timeout=KEPT_S)),
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()
        if self._anchor is not None:
            self._anchor.close()

    async def request(
        self,
        method: str,
        url: str,
        target: Target,
        *,
        headers: Mapping[str, str],
        phases: Phases,
        json: Any = None,
        warm: bool = False,
    ) -> aiohttp.ClientResponse:
        """
        The response once its headers are there; redirects are not followed.

        A *warm* one goes over a connection that has just answered a GET of the same URL; when the server does not keep
        it open it goes over a new one, and the phases say so. Raises what aiohttp raises, and TouchstoneError when it
        is our own authority file that cannot be read.
        """
        assert self._sessions, "use `async with Connections()`"
        CURRENT.set(phases)
        sent: dict[str, Any] = {"headers": {**_authorization(target), **headers}, "ssl": self._tls(target, url)}
        if warm:
            await self._warm_up(url, phases, sent)
        response = await self._sessions[warm].request(
            method, url, json=json, allow_redirects=False, trace_request_ctx=phases, **sent
        )
        phases.answered(response.content)
        return response

    async def _warm_up(self, url: str, phases: Phases, sent: Mapping[str, Any]) -> None:
        """
        Have a connection answer; what goes wrong here the request itself will meet.

        GET, not HEAD: a server that answers a HEAD with a body would spoil the next answer on that connection.
        """
        on_sent, phases.on_sent = phases.on_sent, None
        with suppress(*SERVER_ERRORS):
            async with (
                asyncio.timeout(WARM_UP_S),
                self._sessions[True].get(url, allow_redirects=False, trace_request_ctx=phases, **sent) as answer,
            ):
                async for _ in answer.content.iter_any():
                    pass
        phases.begin()
        phases.on_sent = on_sent

    def _tls(self, target: Target, url: str) -> ssl.SSLContext | bool:
        if not url.startswith("https:"):
            return True
        try:
            return self._context(target.tls.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise TouchstoneError(f"tls.ca_file {target.tls.ca_file}: {error.strerror or error}") from error


def require_selector_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Raise TouchstoneError unless *loop* reads through its sockets; uvloop would go past their stamps unseen."""
    if not isinstance(loop, asyncio.SelectorEventLoop):
        raise TouchstoneError("probes need asyncio's selector event loop: arrivals are stamped at its sockets")


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[trace_config()],
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        auto_decompress=True,
        read_bufsize=BODY_BYTES_MAX // 2,  # aiohttp stops reading at twice this
        trust_env=False,
    )


def _authorization(target: Target) -> dict[str, str]:
    auth = target.auth
    if auth.bearer is None:
        return {}
    value = auth.bearer.get_secret_value()
    return {auth.header: f"Bearer {value}" if auth.header == "Authorization" else value}
