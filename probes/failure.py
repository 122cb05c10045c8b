"""From what went wrong to the closed vocabulary: connection errors, HTTP statuses, error bodies."""

from __future__ import annotations

import asyncio
import errno
import re
import ssl

import aiohttp
import orjson

from probes.phases import Phases
from schemas.failure_reasons import reason_of_status as reason_of_status
from schemas.observation import DETAIL_CHARS_MAX, Reason

# What aiohttp and the sockets beneath it raise for what a server or a network does.
SERVER_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError, UnicodeError)

# A code stands in what message_in makes as a part of its own: `429: RESOURCE_EXHAUSTED: the words`.
_OVERLOADED = re.compile(
    r"overload|capacity|unavailable|no available (?:server|worker|instance)|too busy|(?:^|: )(?:503|529)(?:: |$)",
    re.IGNORECASE,
)
_LIMITED = re.compile(r"rate.?limit|too many requests|quota|resource.?exhausted|(?:^|: )429(?:: |$)", re.IGNORECASE)
_KEY_LIKE = re.compile(
    r"(?i)\b(?:bearer\s+)?(?:sk|rk|pk|key|api|whsec)[-_][A-Za-z0-9_\-]{8,}|\bbearer\s+[A-Za-z0-9._\-]{8,}"
)


def reason_of_message(text: str) -> Reason:
    """The reason of an error that came with status 200, by its own words."""
    if _OVERLOADED.search(text):
        return Reason.NO_CAPACITY
    return Reason.RATE_LIMITED if _LIMITED.search(text) else Reason.ERROR_IN_STREAM


def reason_of_error(error: BaseException, phases: Phases) -> Reason:
    """The reason of an error that a connection raised, by its kind and how far the request had come."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Reason.DNS_FAILED
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError | ssl.CertificateError):
        return Reason.TLS_INVALID
    if isinstance(error, TimeoutError):
        return _reason_of_timeout(phases)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Reason.CONNECT_REFUSED if _errno_of(error.os_error) == errno.ECONNREFUSED else Reason.CONNECT_FAILED
    if isinstance(error, aiohttp.ClientPayloadError):
        return Reason.BAD_STREAM if "decod" in str(error).lower() else Reason.CONNECTION_LOST
    if isinstance(error, aiohttp.ClientResponseError | UnicodeError | aiohttp.InvalidURL):
        return Reason.BAD_STREAM
    return Reason.CONNECTION_LOST if phases.connected is not None else Reason.CONNECT_FAILED


def reason_of_connecting(error: BaseException, *, resolved: bool) -> Reason:
    """The reason of an error that a bare connection raised: while resolving, or up to the end of the TLS handshake."""
    if not resolved:
        return Reason.DNS_FAILED
    if isinstance(error, ssl.SSLError):
        return Reason.TLS_INVALID
    if isinstance(error, TimeoutError):
        return Reason.CONNECT_TIMEOUT
    return Reason.CONNECT_REFUSED if _errno_of(error) == errno.ECONNREFUSED else Reason.CONNECT_FAILED


def said(error: BaseException) -> str:
    """What *error* says, without aiohttp's own wrapping."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{error.host}:{error.port}: {error.os_error.strerror or error.os_error}"
    return str(error)


def printable(text: str) -> str:
    """*text* without control characters: what a server says must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def detail_of(text: str, secret: str | None) -> str:
    """*text* in one printable line, cut to the limit, without the key and without anything that looks like one."""
    line = printable(" ".join(text.split()))
    if secret:
        line = line.replace(secret, "***")
    return _KEY_LIKE.sub("***", line)[:DETAIL_CHARS_MAX]


def error_text(body: bytes) -> str:
    """What an error body says: its `error.message` when it is JSON of that shape, else its beginning."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body[:DETAIL_CHARS_MAX].decode(errors="replace")
    return message_in(value) or body[:DETAIL_CHARS_MAX].decode(errors="replace")


def message_in(value: object) -> str | None:
    """
    What an error object says, in any of the shapes that servers use; None when it holds no error.

    OpenAI, Anthropic, Gemini: {"error": {...}}; Triton, TGI: {"error": "words"}, TGI with an error_type beside it;
    OpenAI Responses: {"type": "error", "message": ...}.
    """
    if not isinstance(value, dict):
        return None
    error = value.get("error") or (value if value.get("type") == "error" else None)
    if not error:
        return None
    if isinstance(error, dict):
        words = [str(error[name]) for name in ("type", "code", "status", "message") if error.get(name)]
        return ": ".join(words) or "error"
    kind = value.get("error_type")
    return f"{kind}: {error}" if kind else str(error)


def _reason_of_timeout(phases: Phases) -> Reason:
    if phases.connected is None:
        resolving = phases.dns_start is not None and phases.dns_end is None
        return Reason.DNS_FAILED if resolving else Reason.CONNECT_TIMEOUT
    return Reason.TTFT_TIMEOUT


def _errno_of(error: BaseException) -> int | None:
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    match = re.search(r"\[Errno (\d+)\]", str(error))  # several addresses, all refused
    return int(match[1]) if match else None
