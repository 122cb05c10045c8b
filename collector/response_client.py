"""Asks a collector to do something, over its API: JSON over HTTP, in bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import aiohttp
import orjson
from pydantic import SecretStr

from collector.vital_signs import VitalSigns
from schemas.errors import DeliveryError

TIMEOUT_S = 15.0
UNWELL = 503  # the collector answers, and says what ails it


def ask(
    collector_url: str,
    token: SecretStr | None,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    taken: Collection[int] = (),
) -> dict[str, Any]:
    """
    What the collector at *collector_url* answers: POST *body*, or GET without one.

    Raises DeliveryError with what it says when it refuses, or why it cannot be asked. One of a status in *taken* is an
    answer like any other, unless it is an error's.
    """
    return asyncio.run(_ask(collector_url, token, path, body, timeout_s, taken))


def vital_signs(
    collector_url: str, token: SecretStr | None, *, timeout_s: float = TIMEOUT_S
) -> tuple[VitalSigns | None, str]:
    """How the collector says it is itself, well or not, and '' or why that is not known."""
    try:
        document = ask(collector_url, token, "/api/v1/health", timeout_s=timeout_s, taken=(UNWELL,))
        return VitalSigns(**document["signs"]), ""
    except DeliveryError as error:
        return None, str(error)
    except (KeyError, TypeError):
        return None, f"{collector_url} answers, and nothing a collector says of itself"


async def _ask(
    collector_url: str,
    token: SecretStr | None,
    path: str,
    body: dict[str, Any] | None,
    timeout_s: float,
    taken: Collection[int],
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    url = collector_url.rstrip("/") + path
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=False) as session,
            session.request("GET" if body is None else "POST", url, json=body, allow_redirects=False) as answer,
        ):
            content = await answer.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        why = str(error) or f"no answer within {timeout_s:g} s"
        raise DeliveryError(f"the collector at {collector_url} cannot be asked: {why}") from error
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise DeliveryError(f"{collector_url} answered {answer.status}, and nothing a collector says")
    if answer.status >= 400 and (answer.status not in taken or "error" in document):
        refusal = document.get("error") or {}
        named = f"{refusal['parameter']}: " if refusal.get("parameter") else ""
        raise DeliveryError(f"{named}{refusal.get('message') or f'HTTP {answer.status}'}")
    return document
