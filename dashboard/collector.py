"""Asks the collector to do what somebody clicked: JSON over HTTP with the dashboard's token, in bounded time."""

from __future__ import annotations

import json
import time
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from dashboard.settings import PageSettings
from schemas.errors import DeliveryError

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1024 * 1024
_CHUNK_BYTES = 64 * 1024


class _NoRedirects(HTTPRedirectHandler):
    """The token goes where the settings say, and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Not followed."""


_OPENER = build_opener(ProxyHandler({}), _NoRedirects())


def ask(
    settings: PageSettings, path: str, body: dict[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    """
    What the collector at `dashboard.collector_url` answers: POST *body*, or GET without one.

    Raises DeliveryError with what it says when it refuses, or why it cannot be asked.
    """
    headers = {"Accept": "application/json"}
    if settings.token is not None:
        headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
    content = None
    if body is not None:
        content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = Request(settings.collector_url.rstrip("/") + path, data=content, headers=headers)
    give_up = time.monotonic() + timeout_s
    try:
        with _OPENER.open(request, timeout=timeout_s) as answer:
            return _document(settings, answer.status, _read(answer, give_up))
    except HTTPError as error:
        with error:
            refusal = _document(settings, error.code, error.read(ANSWER_BYTES_MAX)).get("error")
        raise DeliveryError(_refused(refusal, error.code)) from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise DeliveryError(f"the collector at {settings.collector_url} cannot be asked: {why}") from None


def _read(answer: HTTPResponse, give_up: float) -> bytes:
    parts, size = [], 0
    while part := answer.read1(_CHUNK_BYTES):
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES_MAX or time.monotonic() > give_up:
            raise HTTPException("its answer is too large, or too slow")
    return b"".join(parts)


def _document(settings: PageSettings, status: int, content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise DeliveryError(f"{settings.collector_url} answered {status}, and nothing a collector says")
    return document


def _refused(refusal: Any, status: int) -> str:
    said = refusal if isinstance(refusal, dict) else {}
    named = f"{said['parameter']}: " if said.get("parameter") else ""
    return f"{named}{said.get('message') or f'HTTP {status}'}"
