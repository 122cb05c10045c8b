"""Asks the collector to do something, over its API, with the agent's token."""

from __future__ import annotations

import asyncio
import getpass
from typing import Any

import aiohttp
import orjson

from schemas.config import Agent
from schemas.errors import DeliveryError

TIMEOUT_S = 15.0


def whoami() -> str:
    """The name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "somebody"


def ask(settings: Agent, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """
    What the collector at `agent.collector_url` answers: POST *body*, or GET without one.

    Raises DeliveryError with what it says when it refuses, or why it cannot be asked.
    """
    return asyncio.run(_ask(settings, path, body))


async def _ask(settings: Agent, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
    url = settings.collector_url.rstrip("/") + path
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=False) as session,
            session.request("GET" if body is None else "POST", url, json=body, allow_redirects=False) as answer,
        ):
            content = await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        why = str(error) or f"no answer within {TIMEOUT_S:g} s"
        raise DeliveryError(f"the collector at {settings.collector_url} cannot be asked: {why}") from error
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise DeliveryError(f"{settings.collector_url} answered {answer.status}, and nothing a collector says")
    if answer.status >= 400:
        refusal = document.get("error") or {}
        named = f"{refusal['parameter']}: " if refusal.get("parameter") else ""
        raise DeliveryError(f"{named}{refusal.get('message') or f'HTTP {answer.status}'}")
    return document
