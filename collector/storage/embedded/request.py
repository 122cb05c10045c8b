"""One request of ClickHouse's HTTP protocol, parsed: query, data, parameters, settings, session, formats."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from collector.storage.embedded.compression import chosen, decoded, decompressed_blocks
from collector.storage.embedded.exceptions import Refused
from collector.storage.embedded.limits import Limits
from collector.storage.embedded.statements import is_insert

SESSION_S, SESSION_S_MAX = 60, 3600
LARGE_BYTES = 64 * 1024
HEAD_BYTES_MAX = 256 * 1024

# Behind FORMAT and a name the data begins: after the rest of a blank line, or after one space.
_FORMAT = re.compile(r"\bFORMAT\s+\w+(?:[ \t\r]*\n|[ \t]+|(?=[^\w\s]))", re.IGNORECASE)
_NO_DATA = re.compile(r"\b(?:VALUES|SELECT|INFILE)\b", re.IGNORECASE)

# What HTTP itself consumes; everything else in the query string is a setting or a param_.
_TRANSPORT = frozenset(
    """
    query database default_format user password session_id session_timeout session_check query_id compress decompress
    enable_http_compression wait_end_of_query buffer_size send_progress_in_http_headers role quota_key close_session
    http_headers_progress_interval_ms cancel_http_readonly_queries_on_client_close client_protocol_version
    http_response_buffer_size http_zlib_compression_level stacktrace replace_running_query readonly add_http_cors_header
    """.split()  # noqa: SIM905 (a list of quoted names reads worse)
)


@dataclass(frozen=True, slots=True)
class SessionWish:
    """Which session a request belongs to."""

    name: str
    timeout_s: float
    must_exist: bool
    close: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client asks; *body* is the data of an INSERT, None for a query without data."""

    query: str
    body: bytes | None
    params: Mapping[str, str]
    settings: Mapping[str, str]
    database: str | None
    form: str
    query_id: str
    replaces: bool
    reading: bool
    session: SessionWish | None
    encoding: str
    level: int
    blocks: bool
    protocol_version: int


async def read_ask(request: web.Request, limits: Limits) -> Ask:
    """Everything that *request* says; raises Refused."""
    fields = await _form(request, limits)
    query, body = (fields["query"], None) if "query" in fields else await _query_and_data(request, limits)
    given: Mapping[str, str] = {**fields, **request.query}
    headers = request.headers
    compressing = given.get("enable_http_compression", "1") in {"1", "true"}
    return Ask(
        query=query,
        body=body,
        params={name[6:]: value for name, value in given.items() if name.startswith("param_")},
        settings={
            name: value
            for name, value in given.items()
            if name and name not in _TRANSPORT and not name.startswith("param_") and value != ""
        },
        database=given.get("database") or headers.get("X-ClickHouse-Database") or None,
        form=given.get("default_format") or headers.get("X-ClickHouse-Format") or "TabSeparated",
        query_id=given.get("query_id") or headers.get("X-ClickHouse-Query-Id") or "",
        replaces=given.get("replace_running_query") in {"1", "true"},
        reading=request.method in {"GET", "HEAD"} or given.get("readonly", "0") not in {"", "0"},
        session=_session(given),
        encoding=chosen(headers.get("Accept-Encoding", "")) if compressing else "",
        level=_whole(given, "http_zlib_compression_level", 3, most=9),
        blocks=given.get("compress") in {"1", "true"},
        protocol_version=_whole(given, "client_protocol_version", 0, most=2**31),
    )


def _session(given: Mapping[str, str]) -> SessionWish | None:
    name = given.get("session_id")
    if not name:
        return None
    text = given.get("session_timeout", str(SESSION_S))
    if not text.isdigit():
        raise Refused(500, 374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: {text[:40]!r}")
    if int(text) > SESSION_S_MAX:
        raise Refused(
            500, 374, "INVALID_SESSION_TIMEOUT", f"Session timeout {text[:40]!r} is larger than {SESSION_S_MAX}"
        )
    close = given.get("close_session") in {"1", "true"}
    return SessionWish(name[:200], float(text), given.get("session_check") in {"1", "true"}, close)


def _whole(given: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if not text.isdigit() or int(text) > most:
        raise Refused(400, 72, "CANNOT_PARSE_NUMBER", f"{name} is not a number up to {most}: {text[:40]!r}")
    return int(text)


async def _form(request: web.Request, limits: Limits) -> dict[str, str]:
    """The fields of a form: how a client sends parameters that are too long for an address."""
    if request.content_type != "multipart/form-data":
        return {}
    try:
        fields = await request.post()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limits) from None
    except ValueError as error:
        raise Refused(400, 36, "BAD_ARGUMENTS", f"the form cannot be read: {error}") from error
    if files := [name for name, value in fields.items() if not isinstance(value, str)]:
        raise Refused(
            501, 48, "NOT_IMPLEMENTED", f"external data is not served by the embedded store: {', '.join(files)[:100]}"
        )
    return {name: value for name, value in fields.items() if isinstance(value, str)}


async def _query_and_data(request: web.Request, limits: Limits) -> tuple[str, bytes | None]:
    """The query and its data: the query string's `query`, a line break, and the body are one text."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limits) from None
    unpack = partial(
        _unpacked,
        encoding=request.headers.get("Content-Encoding", ""),
        blocks=request.query.get("decompress") in {"1", "true"},
        bytes_max=limits.body_bytes,
    )
    body = await asyncio.to_thread(unpack, raw) if len(raw) > LARGE_BYTES else unpack(raw)
    query = request.query.get("query", "")
    if query and is_insert(query) and body:
        return query, body
    if query and not body:
        return query, None
    if not query and (split := split_insert(body)):
        return split
    try:
        return (f"{query}\n" if query else "") + body.decode(), None
    except UnicodeDecodeError:
        raise Refused(400, 62, "SYNTAX_ERROR", "the query is not UTF-8 text") from None


def _unpacked(raw: bytes, *, encoding: str, blocks: bool, bytes_max: int) -> bytes:
    """The body as it was before it was packed."""
    body = decoded(raw, encoding, bytes_max=bytes_max)
    return decompressed_blocks(body, bytes_max=bytes_max) if blocks else body


def split_insert(body: bytes) -> tuple[str, bytes] | None:
    """`INSERT ... FORMAT Name` and the data behind it, which need not be text; None for every other body."""
    head = body[:HEAD_BYTES_MAX].decode("latin-1")
    match = _FORMAT.search(head) if is_insert(head) else None
    if match is None or _NO_DATA.search(head, 0, match.start()):
        return None
    data = body[match.end() :]
    try:
        return (body[: match.end()].decode().rstrip(), data) if data.strip() else None
    except UnicodeDecodeError:
        return None


def _too_large(limits: Limits) -> Refused:
    return Refused(413, 307, "TOO_MANY_BYTES", f"the body is larger than {limits.body_bytes} bytes")
