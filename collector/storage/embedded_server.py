"""
ClickHouse's HTTP protocol over the embedded engine, so that every client speaks to it as to a ClickHouse server.

What it does not do stands in docs/embedded-store.md. Answers are whole before they start, so an error is always a clean
status and never half a body.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from collector.storage.embedded.accounts import Account, admitted
from collector.storage.embedded.compression import compressed_blocks, encoded
from collector.storage.embedded.engine_files import DISPLAY_NAME
from collector.storage.embedded.exceptions import QueryFailed, Refused, status_of
from collector.storage.embedded.hello import hello, is_hello
from collector.storage.embedded.limits import Admission, Limits
from collector.storage.embedded.request import Ask, read_ask
from collector.storage.embedded.running import Running, RunningQueries
from collector.storage.embedded.sessions import Session, Sessions
from collector.storage.engine import Answer, Engine, Handle, Question
from schemas.errors import StoreUnavailable

logger = logging.getLogger(__name__)

STOP_S = 5.0
SWEEP_S = 1.0

_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^;]*)?;?\s*$", re.IGNORECASE)
_CONTENT_TYPES = (
    (re.compile(r"^(JSONEachRow|JSONCompactEachRow|JSONStringsEachRow|JSONLines|NDJSON)"), "application/x-ndjson"),
    (re.compile(r"^JSON"), "application/json"),
    (re.compile(r"^CSV"), "text/csv"),
    (re.compile(r"^(TSV|TabSeparated)"), "text/tab-separated-values"),
    (re.compile(r"^XML$"), "application/xml"),
    (re.compile(r"^(Native|RowBinary|Parquet|ORC|Avro|MsgPack|Arrow)"), "application/octet-stream"),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer, packed as the client asked."""

    content: bytes
    answer: Answer


class EmbeddedServer:
    """The request handler."""

    def __init__(self, engine: Engine, accounts: Sequence[Account]) -> None:
        self._engine, self._accounts, self._limits = engine, accounts, engine.limits
        self._threads = ThreadPoolExecutor(engine.limits.queries, thread_name_prefix="engine")
        self._cancelling = ThreadPoolExecutor(1, thread_name_prefix="cancel")
        self._running = RunningQueries()
        self._sessions = Sessions(engine.limits.sessions)
        self._admission = Admission(engine.limits)
        self._asked = 0

    def application(self) -> web.Application:
        """The aiohttp application; run it with auto_decompress off and handler_cancellation on."""
        app = web.Application(client_max_size=self._limits.body_bytes)
        for path in ("/ping", "/replicas_status"):
            app.router.add_get(path, self._ping)
        app.router.add_route("*", "/", self._handle)
        app.router.add_route("*", "/{path:.*}", self._no_such_path)
        return app

    async def sweep(self) -> None:
        """End sessions that nobody asks, until cancelled."""
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()
        while True:
            self._sessions.expire(loop.time())
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), SWEEP_S)

    async def drain(self) -> None:
        """Let nobody in, wait for what runs, cancel what runs for too long."""
        if await self._admission.close(self._limits.stop_s):
            return
        loop = asyncio.get_running_loop()
        for running in self._running.all():
            logger.warning("the query %s is cancelled: the store is stopping", running.query_id)
            await loop.run_in_executor(self._cancelling, running.cancel, self._engine.kill)
        await self._admission.close(STOP_S)

    def close(self) -> None:
        """Wait for what runs, then close the engine."""
        self._threads.shutdown(wait=True)
        self._cancelling.shutdown(wait=True)
        self._sessions.close()
        self._engine.close()

    async def _ping(self, _: web.Request) -> web.Response:
        if self._admission.closed:
            return _failure(503, 745, "Code: 745. DB::Exception: the store is stopping. (SERVER_OVERLOADED)")
        return web.Response(text="Ok.\n", headers={"X-ClickHouse-Server-Display-Name": DISPLAY_NAME})

    async def _no_such_path(self, request: web.Request) -> web.Response:
        return _failure(404, 1000, f"Code: 1000. There is no handle {request.path[:200]}; use / or /ping")

    async def _handle(self, request: web.Request) -> web.Response:
        ask: Ask | None = None
        try:
            account = admitted(self._accounts, request.headers, request.query)
            if request.method not in {"GET", "POST", "HEAD"}:
                raise Refused(501, 48, "NOT_IMPLEMENTED", f"HTTP method {request.method} is not served")
            ask = await read_ask(request, self._limits)
            if not ask.query.strip():
                return web.Response(text="Ok.\n")
            ask = ask if ask.query_id else replace(ask, query_id=self._new_id())
            sent = await self._answer(ask, account)
            return self._response(ask, sent)
        except Refused as error:
            return _failure(error.status, error.code, str(error), ask)
        except QueryFailed as error:
            return _failure(status_of(error.code), error.code, str(error), ask)
        except StoreUnavailable as error:
            return _failure(503, 210, f"Code: 210. DB::Exception: {error}. (NETWORK_ERROR)", ask)

    def _new_id(self) -> str:
        self._asked += 1
        return str(uuid5(NAMESPACE_URL, f"{self._engine.path}|{id(self)}|{self._asked}"))

    async def _answer(self, ask: Ask, account: Account) -> Sent:
        if ask.replaces:
            await self._replace(ask.query_id)
        loop = asyncio.get_running_loop()
        session = self._sessions.take(account.user, ask.session, loop.time()) if ask.session else None
        try:
            async with self._admission.one():
                running = self._running.add(ask.query_id)
                try:
                    return await self._run(ask, account, session, running)
                finally:
                    self._running.remove(running)
        finally:
            if session is not None and ask.session is not None:
                self._sessions.give_back(session, loop.time(), close=ask.session.close)

    async def _replace(self, query_id: str) -> None:
        former = self._running.find(query_id)
        if former is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._cancelling, former.cancel, self._engine.kill)
            await loop.run_in_executor(self._cancelling, former.ended.wait, STOP_S)
            with suppress(TimeoutError):  # it is refused as running then
                await asyncio.wait_for(_gone(self._running, query_id), STOP_S)

    async def _run(self, ask: Ask, account: Account, session: Session | None, running: Running) -> Sent:
        """Run it in a thread; when the client goes away meanwhile, what changes nothing is cancelled."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self._work, ask, account, session, running)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if not running.changes:
                await asyncio.shield(loop.run_in_executor(self._cancelling, running.cancel, self._engine.kill))
            await asyncio.wait([work])
            work.exception()  # nobody is left to be told
            raise

    def _work(self, ask: Ask, account: Account, session: Session | None, running: Running) -> Sent:
        reading = ask.reading or account.reading
        if is_hello(ask.query, ask.form, ask.protocol_version):
            answer = self._engine.query(Question("SELECT 1"), reading=True, running=running)
            content = hello(
                ask.protocol_version,
                display_name=DISPLAY_NAME,
                version=self._engine.version,
                timezone=self._engine.timezone,
            )
            return _packed(ask, replace(answer, content=content))
        sql, params = self._running.in_the_engines_words(ask.query, ask.params, self._engine.engine_id)
        question = Question(sql, ask.body, ask.form, params, ask.settings, ask.database)
        if session is None:
            return _packed(ask, self._engine.query(question, reading=reading, running=running))
        if session.handle is None:
            session.handle = Handle(self._engine, reading=account.reading, lasting=True)
        try:
            return _packed(ask, session.handle.run(question, reading=reading, running=running))
        finally:
            running.end()

    def _response(self, ask: Ask, sent: Sent) -> web.Response:
        answer, headers = sent.answer, self._headers(ask)
        headers["X-ClickHouse-Summary"] = json.dumps(_summary(answer))
        headers["X-ClickHouse-Timezone"] = ask.settings.get("session_timezone") or self._engine.timezone
        content_type = "text/plain"
        if answer.reads or answer.content:
            form = _format_of(ask.query, ask.form)
            headers["X-ClickHouse-Format"] = form
            content_type = next((kind for pattern, kind in _CONTENT_TYPES if pattern.match(form)), content_type)
        if ask.encoding and sent.content:
            headers["Content-Encoding"] = ask.encoding
        charset = "UTF-8" if content_type != "application/octet-stream" else None
        return web.Response(body=sent.content, headers=headers, content_type=content_type, charset=charset)

    def _headers(self, ask: Ask) -> dict[str, str]:
        return {"X-ClickHouse-Server-Display-Name": DISPLAY_NAME, "X-ClickHouse-Query-Id": _header_safe(ask.query_id)}


async def serve(
    path: Path,
    *,
    host: str,
    port: int,
    user: str = "default",
    password: str | None = None,
    reader: Account | None = None,
    limits: Limits | None = None,
    backups: Path | None = None,
    stop: asyncio.Event,
    ready: Callable[[str, int], None],
    guarded: bool = True,
) -> None:
    """
    Serve the store in *path* until *stop*; *ready* is told the address bound (port 0 picks one).

    Raises StoreLocked when another process holds the folder, StoreUnavailable when it cannot be opened or bound.
    """
    if password is None and host not in {"127.0.0.1", "::1", "localhost"}:
        raise StoreUnavailable(f"refusing to listen on {host} without a password; set store.password or use 127.0.0.1")
    engine = Engine(path, guarded=guarded, limits=limits, backups=backups)
    accounts = [Account(user, password), *([reader] if reader else [])]
    server = EmbeddedServer(engine, accounts)
    runner = web.AppRunner(
        server.application(), access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=STOP_S
    )
    sweeping = asyncio.create_task(server.sweep())
    try:
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise StoreUnavailable(f"cannot listen on {host}:{port}: {error.strerror}") from error
        bound = runner.addresses[0]
        ready(bound[0], bound[1])
        await stop.wait()
        await server.drain()
    finally:
        sweeping.cancel()
        await runner.cleanup()
        server.close()


async def _gone(running: RunningQueries, query_id: str) -> None:
    while running.find(query_id) is not None:
        waiting = asyncio.Event()
        with suppress(TimeoutError):
            await asyncio.wait_for(waiting.wait(), 0.01)


def _packed(ask: Ask, answer: Answer) -> Sent:
    content = compressed_blocks(answer.content) if ask.blocks else answer.content
    return Sent(encoded(content, ask.encoding, level=ask.level), answer)


def _summary(answer: Answer) -> dict[str, str]:
    """ClickHouse writes every number of the summary as text."""
    return {
        "read_rows": str(answer.read_rows or answer.written_rows),
        "read_bytes": str(answer.read_bytes or answer.written_bytes),
        "written_rows": str(answer.written_rows),
        "written_bytes": str(answer.written_bytes),
        "total_rows_to_read": "0",
        "result_rows": str(answer.result_rows or answer.written_rows),
        "result_bytes": str(len(answer.content) or answer.written_bytes),
        "elapsed_ns": str(round(answer.elapsed_s * 1e9)),
    }


def _format_of(query: str, default: str) -> str:
    match = _FORMAT.search(query)
    return match[1] if match else default


def _header_safe(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())[:200]


def _failure(status: int, code: int, message: str, ask: Ask | None = None) -> web.Response:
    text = message if message.endswith("\n") else message + "\n"
    headers = {"X-ClickHouse-Exception-Code": str(code), "X-ClickHouse-Server-Display-Name": DISPLAY_NAME}
    if ask is not None and ask.query_id:
        headers["X-ClickHouse-Query-Id"] = _header_safe(ask.query_id)
    return web.Response(status=status, text=text, headers=headers)
