"""Hands one page over to its destination, once, and says what came of it. Nothing that a receiver does raises."""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

import aiohttp
import orjson

from collector.paging.answer import NOTHING_TO_SAY, Answer, hidden, said_words
from collector.paging.apprise_process import AT_ONCE_MAX, noticed
from collector.paging.catalog import DESTINATIONS
from collector.paging.outside import SocketFactory, outside_socket
from collector.paging.request import Letter, Message, Request
from collector.paging.smtp import mailed
from schemas.destinations import Apprise, Destination, Email
from schemas.errors import DeliveryError, TouchstoneError
from schemas.page import Delivery
from schemas.paging import Paging

__all__ = ["Answer", "Carrier"]

BODY_BYTES_MAX = 4096  # of an answer: enough to say why
_HEADERS = {"User-Agent": "Touchstone", "Accept-Encoding": "identity"}


class Carrier:
    """Connections to receivers; an async context manager. One carrier serves every destination."""

    def __init__(self, paging: Paging) -> None:
        self._paging = paging
        self._factory: SocketFactory | None = None if paging.private_addresses else outside_socket
        self._contexts: dict[str | None, ssl.SSLContext] = {}
        self._apprise = asyncio.Semaphore(AT_ONCE_MAX)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=self._factory),
            headers=_HEADERS,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def hand_over(self, delivery: Delivery, settings: Destination, now: datetime) -> Answer:
        """One attempt, bounded by the destination's timeout. The answer's words hold none of its secrets."""
        return await self.carry(
            lambda: DESTINATIONS[settings.kind].render(delivery, settings, self._paging, now), settings
        )

    async def carry(self, made: Callable[[], Message | None], settings: Destination) -> Answer:
        """As hand_over, of the message that *made* gives."""
        try:
            answer = await self._sent(made(), settings)
        except DeliveryError as problem:
            answer = Answer(0, str(problem), accepted=False)
        except TouchstoneError as problem:
            answer = Answer(0, str(problem), accepted=False, hopeless=True)
        return replace(answer, error=hidden(answer.error, settings.secrets()))

    async def _sent(self, message: Message | None, settings: Destination) -> Answer:
        if message is None:
            return NOTHING_TO_SAY
        if isinstance(message, Request):
            return await self._post(message)
        if isinstance(message, Letter):
            assert isinstance(settings, Email)
            return await mailed(message, settings, self._factory, await self._context(settings.tls.ca_file))
        assert isinstance(settings, Apprise)
        outside_only = self._factory is not None
        return await noticed(message, settings, outside_only=outside_only, at_once=self._apprise)

    async def _post(self, request: Request) -> Answer:
        assert self._session is not None
        try:
            async with self._session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=request.timeout_s),
                allow_redirects=False,
                ssl=await self._context(request.ca_file),
            ) as answer:
                body = await _body(answer)
                if request.accepted(answer.status, body):
                    return Answer(answer.status, "", accepted=True)
                words = ": ".join(part for part in (f"HTTP {answer.status}", said_words(body)) if part)
                return Answer(answer.status, words, accepted=False, retry_after_s=_wished(answer, body))
        except aiohttp.InvalidURL:
            return Answer(0, "the URL cannot be used", accepted=False, hopeless=True)
        except (aiohttp.ClientError, OSError, TimeoutError) as failure:
            return Answer(0, _failure_words(failure), accepted=False)
        except ValueError:
            return Answer(0, "the request cannot be sent as it is", accepted=False, hopeless=True)

    async def _context(self, ca_file: str | None) -> ssl.SSLContext:
        """One that verifies, kept, as reading every authority takes a while."""
        if ca_file not in self._contexts:
            try:
                self._contexts[ca_file] = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
            except OSError as error:  # an SSLError too
                raise DeliveryError(f"tls.ca_file {ca_file}: {error.strerror or error}") from error
        return self._contexts[ca_file]


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body; empty when it does not come."""
    try:
        return await answer.content.read(BODY_BYTES_MAX)
    except (aiohttp.ClientError, OSError, TimeoutError):
        return b""


def _failure_words(failure: BaseException) -> str:
    """Why no answer came. An error's own text is not used where it may hold the address: that can be a secret."""
    match failure:
        case aiohttp.ClientConnectorCertificateError():
            why = failure.certificate_error
            return f"TLS: {getattr(why, 'verify_message', '') or type(why).__name__}"
        case aiohttp.ClientConnectorSSLError():
            return f"TLS: {getattr(failure.os_error, 'reason', '') or 'no handshake'}"
        case aiohttp.ClientConnectorDNSError():
            return f"the name of the host is not known: {failure.os_error.strerror or 'no answer'}"
        case aiohttp.ClientConnectorError():
            return str(failure.os_error) or "no connection"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed before an answer"
        case OSError() if failure.strerror and not isinstance(failure, TimeoutError):
            return failure.strerror
    return type(failure).__name__


def _wished(answer: aiohttp.ClientResponse, body: bytes) -> float | None:
    """Seconds that the receiver asks us to wait: in JSON as Discord says it, or by the header."""
    said = _retry_after_in(body) if answer.status == 429 else None
    return said if said is not None else _seconds(answer.headers.get("Retry-After"))


def _retry_after_in(body: bytes) -> float | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    said = document.get("retry_after") if isinstance(document, dict) else None
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
