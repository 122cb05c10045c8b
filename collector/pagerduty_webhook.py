"""
What PagerDuty tells us (V3 webhooks): somebody there acknowledged, gave back or resolved what we had paged. Pure.

Signed with HMAC-SHA256 over the body, in hexadecimal, as `v1=...`; while a secret is changed the header has several,
separated by commas. What our own events made PagerDuty say comes back, too, and is passed over.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.response import Acknowledge, Close, Unacknowledge

SIGNATURE = "X-PagerDuty-Signature"
VIA = "pagerduty"
NAME_CHARS_MAX = 80


def verified(secrets: Iterable[str], body: bytes, header: str) -> bool:
    """Whether any signature in *header* is of *body* by one of *secrets*; compared in constant time."""
    given = [part.strip().removeprefix("v1=") for part in header.split(",") if part.strip().startswith("v1=")]
    right = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets]
    return any(hmac.compare_digest(one.encode(), own.encode()) for one in given for own in right)


def command_in(document: Any, deployment: str) -> Acknowledge | Unacknowledge | Close | None:
    """What a webhook's *document* asks of one of *deployment*'s incidents; None when it asks nothing."""
    event = _mapping(_mapping(document).get("event"))
    data, agent = _mapping(event.get("data")), _mapping(event.get("agent"))
    key = data.get("incident_key")
    if agent.get("type") != "user_reference" or not isinstance(key, str) or not key.startswith(f"{deployment}:inc-"):
        return None
    incident, by = key.removeprefix(f"{deployment}:"), _one_line(agent.get("summary"))
    match event.get("event_type"):
        case "incident.acknowledged":
            return Acknowledge(incident=incident, by=by, via=VIA)
        case "incident.unacknowledged":
            return Unacknowledge(incident=incident, by=by, via=VIA)
        case "incident.resolved":
            return Close(incident=incident, by=by, via=VIA, why="resolved in PagerDuty")
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _one_line(name: Any) -> str:
    said = (
        "".join(char for char in name if char.isprintable())[:NAME_CHARS_MAX].strip() if isinstance(name, str) else ""
    )
    return said or "somebody"
