"""
Our own heartbeat: a URL outside is called only while we are well, so that somebody hears when we no longer are.

What is called is a service that tells people when it has not been called for a while. It gets no body and no secret but
the URL's own.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import aiohttp

from collector.paging.outside import outside_socket
from schemas.clock import Clock
from schemas.paging import Heartbeat

logger = logging.getLogger(__name__)


async def keep_beating(
    heartbeat: Heartbeat, ailments: Callable[[], Awaitable[tuple[str, ...]]], clock: Clock, *, outside_only: bool
) -> None:
    """Call the heartbeat's URL every so often while there are no *ailments*, for ever."""
    factory = outside_socket if outside_only else None
    said: tuple[str, ...] = ()
    connector = aiohttp.TCPConnector(socket_factory=factory)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        while True:
            wrong = await ailments() or await _called(session, heartbeat)
            if wrong and wrong != said:
                logger.error("no heartbeat: %s", "; ".join(wrong))
            elif said and not wrong:
                logger.warning("heartbeat again")
            said = wrong
            await clock.sleep(heartbeat.every)


async def _called(session: aiohttp.ClientSession, heartbeat: Heartbeat) -> tuple[str, ...]:
    """What is wrong with the call; empty when it was answered with 2xx. The URL is not said: it is a secret."""
    assert heartbeat.url is not None  # check-config holds it
    try:
        async with session.get(
            heartbeat.url.get_secret_value(),
            timeout=aiohttp.ClientTimeout(total=heartbeat.timeout),
            allow_redirects=False,
        ) as answer:
            return () if 200 <= answer.status < 300 else (f"the heartbeat's URL answered {answer.status}",)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as failure:
        return (f"the heartbeat's URL cannot be called: {type(failure).__name__}",)
