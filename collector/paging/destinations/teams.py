"""
`teams`: an Adaptive Card for a workflow of Microsoft Teams. The connectors of Office 365 are retired.

202 means that the workflow runs. Whether it could post is in its history only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from collector.paging.plain_text import cut, fitted, markdown
from collector.paging.request import Request
from collector.paging.screen import screen_of
from schemas.destinations import Teams
from schemas.incident import Change
from schemas.page import Delivery
from schemas.paging import Paging

MESSAGE_BYTES_MAX = 28_672  # of what Teams makes of it, which was seen to be a fifth more than what was sent
CARD = "application/vnd.microsoft.card.adaptive"
VERSION = "1.4"
TITLE_SIZE_MAX = 500
VALUE_SIZE_MAX = 400  # escaped
_COLOR = {True: "good", False: "attention"}


def render(delivery: Delivery, settings: Teams, paging: Paging, now: datetime) -> Request | None:
    """The request of one attempt at *now*; a card cannot be edited, so an acknowledgement is not said."""
    if delivery.intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    facts = [{"title": name, "value": fitted(value, VALUE_SIZE_MAX, markdown)} for name, value in screen.facts]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "msteams": {"width": "Full"},
        "fallbackText": cut(screen.title, TITLE_SIZE_MAX),
        "body": [
            {
                "type": "TextBlock",
                "text": fitted(screen.title, TITLE_SIZE_MAX, markdown),
                "weight": "bolder",
                "size": "medium",
                "color": _COLOR[screen.over],
                "wrap": True,
            },
            {"type": "FactSet", "facts": facts},
        ],
        "actions": [{"type": "Action.OpenUrl", "title": name, "url": address} for name, address in screen.links],
    }
    message = {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}
    url = settings.url.get_secret_value() if settings.url else ""
    return Request(url, {"Content-Type": "application/json"}, orjson.dumps(message), settings.timeout)
