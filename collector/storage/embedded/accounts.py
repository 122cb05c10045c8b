"""Who may ask: the writer, and a reader who can only read."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.storage.embedded.exceptions import Refused


@dataclass(frozen=True, slots=True)
class Account:
    """A user; *password* None lets in everybody who gives the name."""

    user: str
    password: str | None
    reading: bool = False

    def accepts(self, user: str, password: str) -> bool:
        """Whether name and password are this account's, in constant time."""
        good_user = hmac.compare_digest(_raw(user), _raw(self.user))
        good_password = self.password is None or hmac.compare_digest(_raw(password), _raw(self.password))
        return good_user and good_password


def admitted(accounts: Sequence[Account], headers: Mapping[str, str], query: Mapping[str, str]) -> Account:
    """The account that a request names and proves; raises Refused (516)."""
    user, password = _credentials(headers, query)
    for account in accounts:
        if account.accepts(user, password):
            return account
    raise Refused(403, 516, "AUTHENTICATION_FAILED", "Authentication failed: wrong user or password")


def _raw(text: str) -> bytes:
    """The bytes of a header, which need not be UTF-8."""
    return text.encode(errors="surrogateescape")


def _credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    authorization = headers.get("Authorization", "")
    if authorization.startswith("Basic "):
        try:
            user, _, password = b64decode(authorization[6:], validate=True).decode().partition(":")
        except (BinasciiError, UnicodeDecodeError):
            return "", ""
        return user, password
    if authorization:
        return "", ""
    user = headers.get("X-ClickHouse-User") or query.get("user") or "default"
    return user, headers.get("X-ClickHouse-Key") or query.get("password") or ""
