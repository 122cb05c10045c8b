"""Plain HTTP requests to a store, byte for byte what the test says."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status; *headers* have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> int:
        """ClickHouse's exception code; 0 for none."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))

    @property
    def text(self) -> str:
        """The body as text, without its last line break."""
        return self.body.decode().rstrip("\n")


def post(
    url: str,
    body: bytes | str = b"",
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    **parameters: str,
) -> Reply:
    """The answer to one request; *parameters* go into the address."""
    data = body.encode() if isinstance(body, str) else body
    address = f"{url}/?{urlencode(parameters)}" if parameters else f"{url}/"
    request = urllib.request.Request(
        address, data=data if method == "POST" else None, headers=dict(headers or {}), method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reply(answer.status, _lower(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, _lower(error.headers), error.read())


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
