"""Hands one page over to its destination, once, and says what came of it. Nothing that a receiver does raises."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import aiohttp

from collector.paging.catalog import DESTINATIONS
from schemas.destinations import Destination
from schemas.errors import TouchstoneError
from schemas.page import Delivery
from schemas.paging import Paging

ERROR_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What a receiver said: *status* 0 means that no answer came, *error* is '' when it took the page.

    hopeless: it could not even be asked, and asking again would change nothing.
    """

    status: int
    error: str
    accepted: bool
    retry_after_s: float | None = None
    hopeless: bool = False


class Carrier:
    """Connections to receivers; an async context manager. One carrier serves every destination."""

    def __init__(self, paging: Paging) -> None:
        self._paging = paging
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def hand_over(self, delivery: Delivery, settings: Destination, now: datetime) -> Answer:
        """One attempt, bounded by the destination's timeout."""
        assert self._session is not None
        kind = DESTINATIONS[settings.kind]
        try:
            request = kind.render(delivery, settings, self._paging.deployment, now)
        except TouchstoneError as problem:
            return Answer(0, str(problem), accepted=False, hopeless=True)
        try:
            async with self._session.post(
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=request.timeout_s),
                allow_redirects=False,
            ) as answer:
                accepted = kind.accepted(answer.status)
                wished = _seconds(answer.headers.get("Retry-After"))
                return Answer(answer.status, "" if accepted else f"HTTP {answer.status}", accepted, wished)
        except (aiohttp.ClientError, OSError, TimeoutError) as failure:
            return Answer(0, (str(failure) or type(failure).__name__)[:ERROR_CHARS_MAX], accepted=False)


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header is not None else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
