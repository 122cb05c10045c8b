"""ClickHouse's exceptions: their codes, and the HTTP status that a server gives each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from schemas.errors import StoreError

_CODE = re.compile(r"Code: (\d+)\.")
_REPEATED = re.compile(r"^(Code: \d+\. DB::Exception: )+")
_NAMED_TWICE = re.compile(r" \(version [^()]*\)\. \([A-Z_]+\)$")

# As ClickHouse's own server maps them (its src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); the rest are 500.
_STATUS: Mapping[int, int] = MappingProxyType(
    {
        194: 401,  # REQUIRED_PASSWORD
        **dict.fromkeys((192, 193, 497, 512, 516), 403),  # unknown user, wrong password, access denied
        **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511), 404),  # UNKNOWN_...
        **dict.fromkeys((6, 25, 26, 27, 38, 41, 72, 375, 376, 441, 675, 676), 400),  # CANNOT_PARSE_...
        **dict.fromkeys((8, 15, 36, 37, 44, 53, 62, 117, 123, 167, 168, 223, 321, 427), 400),  # arguments, syntax
        159: 408,  # TIMEOUT_EXCEEDED
        229: 413,  # QUERY_IS_TOO_LARGE
        48: 501,  # NOT_IMPLEMENTED
        **dict.fromkeys((76, 209, 439), 503),  # CANNOT_OPEN_FILE, SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
    }
)


class QueryFailed(StoreError):
    """The engine refused a query; *code* is ClickHouse's."""

    def __init__(self, message: str) -> None:
        match = _CODE.search(message)
        self.code = int(match[1]) if match else 1002
        super().__init__(message)


class Refused(Exception):
    """A request that never reaches the engine."""

    def __init__(self, status: int, code: int, name: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")


def failed(code: int, name: str, message: str) -> QueryFailed:
    """A failure of our own in the engine's words."""
    return QueryFailed(f"Code: {code}. DB::Exception: {message}. ({name})")


def busy(why: str) -> Refused:
    """Too many at once; clients may come again."""
    return Refused(503, 202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"the store is busy: {why}")


def status_of(code: int) -> int:
    """The HTTP status of an exception *code*."""
    return _STATUS.get(code, 500)


def words_of(error: Exception) -> str:
    """The engine's own words, without what chDB wraps around them, and said once."""
    text = str(error)
    start = text.find("Code: ")
    if start < 0:
        return f"Code: 1002. DB::Exception: {text}"
    text = _REPEATED.sub(r"\1", text[start:])
    return _NAMED_TWICE.sub("", text)
