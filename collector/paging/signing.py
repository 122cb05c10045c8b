"""Standard Webhooks 1.0 signatures: HMAC-SHA256 over `id.timestamp.body`, base64, prefixed `v1,`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable

from schemas.destinations import WEBHOOK_SECRET_PREFIX as PREFIX
from schemas.errors import TouchstoneError


def key_of(secret: str) -> bytes:
    """The key bytes of `whsec_<base64>`; raises TouchstoneError (without the secret) when it is not of that form."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:  # binascii.Error, and what is not ASCII
        key = b""
    if not key:
        raise TouchstoneError("the webhook secret is not whsec_<base64>")
    return key


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of the `webhook-signature` header; *timestamp* in Unix seconds of the attempt."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def signatures(secrets: Iterable[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The header with one signature for each secret: two while receivers change from one to the other."""
    return " ".join(signature(secret, webhook_id, timestamp, body) for secret in secrets)


def verified(secret: str, webhook_id: str, timestamp: int, body: bytes, header: str) -> bool:
    """Whether any of the space-separated signatures in *header* is right."""
    expected = signature(secret, webhook_id, timestamp, body)
    return any(hmac.compare_digest(expected.encode(), given.encode(errors="replace")) for given in header.split(" "))
