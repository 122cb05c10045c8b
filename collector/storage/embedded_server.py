"""
ClickHouse's HTTP protocol over the embedded engine, so that every client speaks to it as to a ClickHouse server.

What it does not do (docs/embedded-store.md): users but one, sessions, external tables, progress headers, quotas,
replication. Answers are whole before they start, so an error is always a clean status and never half a body.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import zlib
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from collector.storage.engine import Engine, QueryFailed
from schemas.errors import StoreUnavailable

logger = logging.getLogger(__name__)

BODY_BYTES_MAX = 512 * 1024 * 1024
STOP_S = 5.0

# What HTTP itself consumes; everything else in the query string is a setting or a param_.
_TRANSPORT = frozenset(
    """
    query database default_format user password session_id session_timeout session_check query_id compress decompress
    enable_http_compression wait_end_of_query buffer_size send_progress_in_http_headers role quota_key close_session
    http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close client_protocol_version
    http_response_buffer_size http_zlib_compression_level stacktrace
    """.split()  # noqa: SIM905 (a list of quoted names reads worse)
)
_INSERT = re.compile(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*INSERT\s+INTO\s", re.IGNORECASE | re.DOTALL)
_NOT_FOUND_CODES = frozenset({46, 60, 81})


class _Refused(Exception):
    """A request that never reaches the engine."""

    def __init__(self, status: int, code: int, name: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")


class EmbeddedServer:
    """The request handler; *password* None lets everybody in (loopback only)."""

    def __init__(self, engine: Engine, *, user: str, password: str | None) -> None:
        self._engine, self._user, self._password = engine, user, password
        self._threads = ThreadPoolExecutor(engine.size, thread_name_prefix="engine")

    def application(self) -> web.Application:
        """The aiohttp application; run it with auto_decompress off."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/ping", self._ping)
        app.router.add_route("*", "/", self._handle)
        app.router.add_route("*", "/{path:.*}", self._no_such_path)
        return app

    def close(self) -> None:
        """Wait for what runs, then close the engine."""
        self._threads.shutdown(wait=True)
        self._engine.close()

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def _no_such_path(self, request: web.Request) -> web.Response:
        return _failure(404, 1000, f"Code: 1000. There is no handle {request.path[:200]}; use / or /ping")

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            self._admit(request)
            if request.method not in {"GET", "POST", "HEAD"}:
                raise _Refused(501, 48, "NOT_IMPLEMENTED", f"HTTP method {request.method} is not served")
            fields = await _form(request)
            query, body = (fields["query"], b"") if "query" in fields else await _read(request)
            if not query.strip():
                return web.Response(text="Ok.\n")
            return await self._answer(request, {**fields, **request.query}, query, body)
        except _Refused as error:
            return _failure(error.status, error.code, str(error))
        except QueryFailed as error:
            return _failure(404 if error.code in _NOT_FOUND_CODES else 500, error.code, str(error))
        except StoreUnavailable as error:
            return _failure(503, 202, f"Code: 202. DB::Exception: {error}. (TOO_MANY_SIMULTANEOUS_QUERIES)")

    def _admit(self, request: web.Request) -> None:
        if self._password is None:
            return
        user, password = _credentials(request)
        good_user = hmac.compare_digest(_raw(user), _raw(self._user))
        good_password = hmac.compare_digest(_raw(password), _raw(self._password))
        if not (good_user and good_password):
            raise _Refused(403, 516, "AUTHENTICATION_FAILED", "Authentication failed: wrong user or password")

    async def _answer(
        self, request: web.Request, parameters: Mapping[str, str], query: str, body: bytes
    ) -> web.Response:
        params = {name[6:]: value for name, value in parameters.items() if name.startswith("param_")}
        settings = {
            name: value
            for name, value in parameters.items()
            if name not in _TRANSPORT and not name.startswith("param_") and value != ""
        }
        database = parameters.get("database") or request.headers.get("X-ClickHouse-Database") or "default"
        form = parameters.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated"
        loop = asyncio.get_running_loop()
        if body and _INSERT.match(query):
            work: Callable[[], bytes] = lambda: self._engine.insert(  # noqa: E731
                query, body, params=params, settings=settings, database=database
            )
        else:
            text = query + ("\n" + body.decode(errors="replace") if body else "")
            work = lambda: self._engine.query(  # noqa: E731
                text, form=form, params=params, settings=settings, database=database
            )
        answer = await loop.run_in_executor(self._threads, work)
        headers = {"X-ClickHouse-Format": _format_of(query, form), "X-ClickHouse-Summary": "{}"}
        return web.Response(body=answer, headers=headers, content_type="text/plain")


async def serve(
    path: Path,
    *,
    host: str,
    port: int,
    user: str = "default",
    password: str | None = None,
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
    engine = Engine(path, guarded=guarded)
    server = EmbeddedServer(engine, user=user, password=password)
    runner = web.AppRunner(server.application(), access_log=None, auto_decompress=False, shutdown_timeout=STOP_S)
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
    finally:
        await runner.cleanup()
        server.close()


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form: how a client sends parameters that are too long for an address."""
    if request.content_type != "multipart/form-data":
        return {}
    try:
        fields = await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise _Refused(413, 307, "TOO_MANY_BYTES", f"the body is larger than {BODY_BYTES_MAX} bytes") from None
    except ValueError as error:
        raise _Refused(400, 36, "BAD_ARGUMENTS", f"the form cannot be read: {error}") from error
    return {name: value for name, value in fields.items() if isinstance(value, str)}


async def _read(request: web.Request) -> tuple[str, bytes]:
    """The query and its data: the query string's `query` first, else the whole body is the query."""
    try:
        body = _decoded(await request.read(), request.headers.get("Content-Encoding", ""))
    except web.HTTPRequestEntityTooLarge:
        raise _Refused(413, 307, "TOO_MANY_BYTES", f"the body is larger than {BODY_BYTES_MAX} bytes") from None
    query = request.query.get("query", "")
    if query:
        return query, body
    try:
        return body.decode(), b""
    except UnicodeDecodeError:
        return _split_binary_insert(body)


def _split_binary_insert(body: bytes) -> tuple[str, bytes]:
    """`INSERT ... FORMAT Name\\n` followed by binary data, as curl sends it."""
    head, newline, data = body.partition(b"\n")
    try:
        query = head.decode()
    except UnicodeDecodeError:
        query = ""
    if not newline or not _INSERT.match(query):
        raise _Refused(400, 62, "SYNTAX_ERROR", "the query is not UTF-8 text")
    return query, data


def _decoded(body: bytes, encoding: str) -> bytes:
    """The body without its Content-Encoding, bounded; raises _Refused when it is not what it says."""
    try:
        match encoding.lower():
            case "" | "identity":
                return body
            case "gzip" | "deflate":
                return _inflated(lambda: zlib.decompressobj(47), body)
            case "lz4":
                import lz4.frame

                return _inflated(lz4.frame.LZ4FrameDecompressor, body)
            case "zstd":
                from backports import zstd

                return _inflated(zstd.ZstdDecompressor, body)
            case other:
                raise _Refused(501, 48, "NOT_IMPLEMENTED", f"Content-Encoding {other[:40]!r} is not served")
    except _Refused:
        raise
    except Exception as error:  # each codec has an error class of its own
        raise _Refused(400, 33, "CANNOT_READ_ALL_DATA", f"the body is not {encoding}: {str(error)[:100]}") from error


def _inflated(new: Callable[[], Any], body: bytes) -> bytes:
    """Every member of *body*, each by a decompressor of its own; a cut one would be half an insert."""
    content, rest = b"", body
    while rest:
        decompressor = new()
        content += decompressor.decompress(rest, BODY_BYTES_MAX + 1 - len(content))
        if len(content) > BODY_BYTES_MAX:
            raise _Refused(413, 307, "TOO_MANY_BYTES", f"the body unpacks to more than {BODY_BYTES_MAX} bytes")
        if not decompressor.eof:
            raise ValueError("it is cut off")
        rest = decompressor.unused_data
    return content


def _raw(text: str) -> bytes:
    """The bytes of a header, which need not be UTF-8."""
    return text.encode(errors="surrogateescape")


def _credentials(request: web.Request) -> tuple[str, str]:
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Basic "):
        try:
            user, _, password = b64decode(authorization[6:], validate=True).decode().partition(":")
            return user, password
        except (BinasciiError, UnicodeDecodeError):
            return "", ""
    headers: Mapping[str, str] = request.headers
    user = headers.get("X-ClickHouse-User") or request.query.get("user") or "default"
    return user, headers.get("X-ClickHouse-Key") or request.query.get("password") or ""


_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*(?:SETTINGS\b[^;]*)?;?\s*$", re.IGNORECASE)


def _format_of(query: str, default: str) -> str:
    match = _FORMAT.search(query)
    return match[1] if match else default


def _failure(status: int, code: int, message: str) -> web.Response:
    text = message if message.endswith("\n") else message + "\n"
    return web.Response(status=status, text=text, headers={"X-ClickHouse-Exception-Code": str(code)})
