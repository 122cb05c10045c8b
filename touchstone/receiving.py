"""A real receiver of pages on loopback: what PagerDuty and a webhook's owner would see."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from collector.paging.signing import verified
from schemas.clock import Clock

KEPT_MAX = 10_000
BODY_BYTES_MAX = 512 * 1024


class Fault(BaseModel, extra="forbid"):
    """How the next *times* requests fail: after *hang_s* seconds, with *status* (0: the connection is dropped)."""

    status: int = 503
    times: int = 1
    hang_s: float = 0.0
    retry_after: float | None = None


class Receiver:
    """Records every request; `pages` holds those it accepted, in order of arrival."""

    def __init__(self, clock: Clock, *, record: Path | None, secret: str | None, said: Callable[[str], None]) -> None:
        self._clock, self._record, self._secret, self._said = clock, record, secret, said
        self._fault: Fault | None = None
        self.pages: deque[dict[str, Any]] = deque(maxlen=KEPT_MAX)

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/webhook", self._webhook)
        app.router.add_post("/v2/enqueue", self._pagerduty)
        app.router.add_post("/fail", self._fail)
        app.router.add_get("/pages", self._pages)
        return app

    async def _webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = self._signed(request, body)
        if signed is False:
            return await self._answer(request, body, 401, {"error": "the signature is missing or wrong"})
        return await self._answer(request, body, 204, None, signed=signed)

    async def _pagerduty(self, request: web.Request) -> web.Response:
        body = await request.read()
        problem = event_problem(body)
        if problem:
            return await self._answer(request, body, 400, {"status": "invalid event", "errors": [problem]})
        key = orjson.loads(body)["dedup_key"]
        accepted = {"status": "success", "message": "Event processed", "dedup_key": key}
        return await self._answer(request, body, 202, accepted)

    async def _answer(
        self, request: web.Request, body: bytes, status: int, answer: Any, *, signed: bool | None = None
    ) -> web.Response:
        fault = self._next_fault()
        headers = {}
        if fault is not None:
            await self._clock.sleep(fault.hang_s)
            status, answer = fault.status, {"error": "told to fail"}
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
        page = self._page(request, body, status, signed)
        if 200 <= status < 300:
            self.pages.append(page)
        if self._record is not None:
            await asyncio.to_thread(self._write, page)
        self._said(line_of(page))
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        content = orjson.dumps(answer) if answer is not None else None
        return web.Response(status=status or 500, body=content, content_type="application/json", headers=headers)

    def _page(self, request: web.Request, body: bytes, status: int, signed: bool | None) -> dict[str, Any]:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            document = None
        if isinstance(document, dict):
            document.pop("routing_key", None)  # a secret: never recorded
        else:
            document = {"unreadable_bytes": len(body)}  # a routing key may stand anywhere in it
        return {
            "received_at": self._clock.now().isoformat(),
            "path": request.path,
            "status": status,
            "webhook_id": request.headers.get("webhook-id"),
            "signed": signed,
            "body": document,
        }

    def _signed(self, request: web.Request, body: bytes) -> bool | None:
        """Whether the signature is right; None when no secret was given to check it by."""
        if self._secret is None:
            return None
        headers = request.headers
        stamp = headers.get("webhook-timestamp", "")
        if not stamp.isdigit():
            return False
        return verified(
            self._secret, headers.get("webhook-id", ""), int(stamp), body, headers.get("webhook-signature", "")
        )

    async def _fail(self, request: web.Request) -> web.Response:
        try:
            self._fault = Fault.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"error": f"not a fault: {error}"}, status=400)
        return web.Response(status=204)

    async def _pages(self, _request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(list(self.pages)), content_type="application/json")

    def _next_fault(self) -> Fault | None:
        fault = self._fault
        if fault is None or fault.times <= 0:
            return None
        fault.times -= 1
        return fault

    def _write(self, page: dict[str, Any]) -> None:
        assert self._record is not None
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with self._record.open("ab") as file:
            file.write(orjson.dumps(page) + b"\n")


def event_problem(body: bytes) -> str | None:
    """What PagerDuty's Events API v2 would refuse in *body*; None when nothing."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "the body is not JSON"
    if not isinstance(event, dict):
        return "the body is not an object"
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):  # may be unhashable
        return "event_action is not trigger, acknowledge or resolve"
    if not event.get("routing_key"):
        return "routing_key is missing"
    key = event.get("dedup_key")
    if not isinstance(key, str) or not 0 < len(key) <= 255:
        return "dedup_key is missing or longer than 255 characters"
    payload = event.get("payload")
    if event["event_action"] != "trigger":
        return None
    if not isinstance(payload, dict):
        return "payload is missing"
    wrong = [name for name in ("summary", "source", "severity") if not isinstance(payload.get(name) or None, str)]
    if wrong:
        return f"payload.{wrong[0]} is missing, or no text"
    if payload["severity"] not in {"critical", "error", "warning", "info"}:
        return "payload.severity is not critical, error, warning or info"
    return "payload.summary is longer than 1024 characters" if len(payload["summary"]) > 1024 else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def line_of(page: dict[str, Any]) -> str:
    """One line for a terminal."""
    body = page["body"]
    data = _mapping(body.get("data")) or _mapping(_mapping(body.get("payload")).get("custom_details")) or body
    said = data.get("summary") or f"{body.get('event_action', '')} {body.get('dedup_key', '')}".strip()
    return f"{page['received_at'][11:19]}Z {page['path']} {page['status']} {said}"
