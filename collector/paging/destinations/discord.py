"""`discord`: a webhook, with one embed. It answers 204, and says in JSON how long to wait."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson

from collector.paging.plain_text import fitted, markdown, size
from collector.paging.request import Request
from collector.paging.screen import screen_of
from schemas.destinations import Discord
from schemas.incident import Change, Severity
from schemas.page import Delivery
from schemas.paging import Paging

TITLE_SIZE_MAX = 256
DESCRIPTION_SIZE_MAX = 4096
FIELDS_MAX = 25
FIELD_VALUE_SIZE_MAX = 1024
EMBED_SIZE_MAX = 6000  # all of its text together
VALUE_SIZE_MAX = 400
_OVER = 0x2E7D32
_COLOR = {Severity.P0: 0xC62828, Severity.P1: 0xEF6C00, Severity.P2: 0xF9A825, Severity.P3: 0x1565C0}
_SHORT_SIZE = 40


def render(delivery: Delivery, settings: Discord, paging: Paging, now: datetime) -> Request | None:
    """The request of one attempt at *now*; an acknowledgement is not said. Nobody is mentioned, whatever is said."""
    intent = delivery.intent
    if intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    links = " · ".join(f"[{name}]({_address(address)})" for name, address in screen.links)
    title = fitted(screen.title, TITLE_SIZE_MAX, markdown)
    embed: dict[str, Any] = {
        "title": title,
        "description": links,
        "color": _OVER if screen.over else _COLOR[intent.severity],
        "timestamp": intent.at.isoformat(),
        "fields": _fields(screen.facts, EMBED_SIZE_MAX - size(title) - size(links)),
    } | ({"url": screen.dashboard} if screen.dashboard else {})
    body = orjson.dumps({"embeds": [embed], "allowed_mentions": {"parse": []}})
    url = settings.url.get_secret_value() if settings.url else ""
    return Request(url, {"Content-Type": "application/json"}, body, settings.timeout)


def _fields(facts: Iterable[tuple[str, str]], left: int) -> list[dict[str, Any]]:
    """Those of *facts* that fit into *left* characters, in order."""
    fields: list[dict[str, Any]] = []
    for name, value in facts:
        said = fitted(value, VALUE_SIZE_MAX, markdown)
        left -= size(name) + size(said)
        if left < 0:
            break
        fields.append({"name": name, "value": said, "inline": len(said) <= _SHORT_SIZE})
    return fields


def _address(address: str) -> str:
    return address.replace(")", "%29")
