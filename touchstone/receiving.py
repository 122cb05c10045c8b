"""A real receiver of pages on loopback: what PagerDuty, a chat or a webhook's owner would see and answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from collector.paging.signing import verified
from schemas.clock import Clock
from touchstone.services.catalog import SERVICES
from touchstone.services.reply import Asked, Reply, Service, document_of, mapping

KEPT_MAX = 10_000
BODY_BYTES_MAX = 512 * 1024


class Fault(BaseModel, extra="forbid"):
    """
    How the next *times* requests fail: after *hang_s* seconds, with *status* (0: the connection is dropped).

    service names one of them (`slack`, `webhook`, ...); '' means any.
    """

    status: int = 503
    times: int = 1
    hang_s: float = 0.0
    retry_after: float | None = None
    service: str = ""


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
        for service in SERVICES:
            for route in service.routes:
                app.router.add_post(route, self._served(service))
        app.router.add_post("/fail", self._fail)
        app.router.add_get("/pages", self._pages)
        return app

    async def _webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = self._signed(request, body)
        data = mapping(mapping(document_of(body)).get("data"))
        refused = Reply(401, {"error": "the signature is missing or wrong"})
        reply = Reply(204, key=str(data.get("dedup_key", "")), said=str(data.get("summary", "")))
        return await self._answer(request, _WEBHOOK, body, refused if signed is False else reply, signed=signed)

    def _served(self, service: Service) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            asked = Asked(request.match_info, request.query, request.headers, body)
            return await self._answer(request, service, body, service.judge(asked))

        return answer

    async def _answer(
        self, request: web.Request, service: Service, body: bytes, reply: Reply, *, signed: bool | None = None
    ) -> web.Response:
        fault, headers = self._next_fault(service), {}
        if fault is not None:
            await self._clock.sleep(fault.hang_s)
            reply = Reply(fault.status, service.rate_limited(fault.retry_after or 0.0), reply.key, reply.said)
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
        page = self._page(request, service, body, reply, signed)
        if 200 <= reply.status < 300:
            self.pages.append(page)
        if self._record is not None:
            await asyncio.to_thread(self._write, page)
        self._said(line_of(page))
        if reply.status == 0:
            assert request.transport is not None
            request.transport.abort()
        plain = isinstance(reply.answer, bytes)
        content = reply.answer if plain or reply.answer is None else orjson.dumps(reply.answer)
        kind = "text/html" if plain else "application/json"
        return web.Response(status=reply.status or 500, body=content, content_type=kind, headers=headers)

    def _page(
        self, request: web.Request, service: Service, body: bytes, reply: Reply, signed: bool | None
    ) -> dict[str, Any]:
        """What is recorded: never a key, a token, or the part of an address that is one."""
        document = document_of(body)
        if isinstance(document, dict):
            document.pop("routing_key", None)
        elif not isinstance(document, list) or service.name != "alertmanager":
            document = {"unreadable_bytes": len(body)}  # a key may stand anywhere in it
        resource = request.match_info.route.resource
        return {
            "received_at": self._clock.now().isoformat(),
            "service": service.name,
            "path": resource.canonical if resource is not None else "",
            "status": reply.status,
            "key": reply.key,
            "said": reply.said,
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

    def _next_fault(self, service: Service) -> Fault | None:
        fault = self._fault
        if fault is None or fault.times <= 0 or fault.service not in {"", service.name}:
            return None
        fault.times -= 1
        return fault

    def _write(self, page: dict[str, Any]) -> None:
        assert self._record is not None
        self._record.parent.mkdir(parents=True, exist_ok=True)
        with self._record.open("ab") as file:
            file.write(orjson.dumps(page) + b"\n")


_WEBHOOK = Service("webhook", ("/webhook",), lambda asked: Reply(204))


def line_of(page: dict[str, Any]) -> str:
    """One line for a terminal."""
    return f"{page['received_at'][11:19]}Z {page['path']} {page['status']} {page['said'] or page['key']}"
