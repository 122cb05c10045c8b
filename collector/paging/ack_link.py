"""
A signed link to acknowledge one incident, good for a while; pure.

Whoever has the link may acknowledge, so it expires. A GET of it must change nothing: scanners of mail and previews of
chats follow links. It leads to a page with a button, and the button posts the same three values back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from urllib.parse import urlencode

PATH = "/acknowledge"
LASTS = timedelta(days=1)


def link(api_url: str, secret: str, incident: str, expires: datetime) -> str:
    """The address of the page for *incident* at the collector that people reach at *api_url*."""
    until = int(expires.timestamp())
    query = {"incident": incident, "expires": until, "signature": signature(secret, incident, until)}
    return f"{api_url.rstrip('/')}{PATH}?{urlencode(query)}"


def verified(secret: str, incident: str, expires: str, given: str, now: datetime) -> bool:
    """Whether the three values of a link are ours and *now* is before its end; *expires* in Unix seconds, as text."""
    if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
        return False
    right = signature(secret, incident, int(expires))
    same = hmac.compare_digest(right.encode(), given.encode(errors="replace"))
    return same and now.timestamp() < int(expires)


def signature(secret: str, incident: str, until: int) -> str:
    """HMAC-SHA256 over what the link is for, *incident* and *until* (Unix seconds), in base64 as URLs have it."""
    said = f"acknowledge|{incident}|{until}".encode()
    digest = hmac.new(secret.encode(), said, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
