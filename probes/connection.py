"""The agent's HTTP client: a fresh connection for every request, certificates verified, nothing remembered."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any

import aiohttp

from probes.phases import trace_config, verifying_context
from schemas.errors import TouchstoneError
from schemas.fleet import Target

CONTEXTS_MAX = 256
USER_AGENT = "touchstone"


class Connections:
    """An async context manager; `request` sends one request on a connection of its own."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._context = lru_cache(CONTEXTS_MAX)(verifying_context)

    async def __aenter__(self) -> Connections:
        connector = aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace_config()],
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            auto_decompress=True,
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        target: Target,
        *,
        headers: Mapping[str, str],
        phases: object,
        json: Any = None,
    ) -> aiohttp.ClientResponse:
        """
        The response once its headers are there; redirects are not followed.

        Raises what aiohttp raises, and TouchstoneError when it is our own authority file that cannot be read.
        """
        assert self._session is not None, "use `async with Connections()`"
        return await self._session.request(
            method,
            url,
            json=json,
            headers={**_authorization(target), **headers},
            ssl=self._tls(target, url),
            allow_redirects=False,
            trace_request_ctx=phases,
        )

    def _tls(self, target: Target, url: str) -> ssl.SSLContext | bool:
        if not url.startswith("https:"):
            return True
        try:
            return self._context(target.tls.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise TouchstoneError(f"tls.ca_file {target.tls.ca_file}: {error.strerror or error}") from error


def _authorization(target: Target) -> dict[str, str]:
    auth = target.auth
    if auth.bearer is None:
        return {}
    value = auth.bearer.get_secret_value()
    return {auth.header: f"Bearer {value}" if auth.header == "Authorization" else value}
