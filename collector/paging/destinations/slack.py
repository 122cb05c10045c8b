"""`slack`: an incoming webhook, with blocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from collector.paging.plain_text import fitted, slack
from collector.paging.request import Request
from collector.paging.screen import screen_of
from schemas.destinations import Slack
from schemas.incident import Change
from schemas.page import Delivery
from schemas.paging import Paging

HEADER_SIZE_MAX = 150
SECTION_SIZE_MAX = 3000
FIELDS_MAX = 10  # of one section
FIELD_SIZE_MAX = 2000
TEXT_SIZE_MAX = 3000  # of the line that a notification shows
BLOCKS_SIZE_MAX = 13_000  # of all of them together: beyond about 13,200 it answers msg_blocks_too_long
VALUE_SIZE_MAX = 600  # so that they are
_MARK = {True: "✅", False: "🔴"}


def render(delivery: Delivery, settings: Slack, paging: Paging, now: datetime) -> Request | None:
    """The request of one attempt at *now*; a message cannot be edited, so an acknowledgement is not said."""
    if delivery.intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    title = f"{_MARK[screen.over]} {screen.title}"
    facts = [_text(f"*{name}*\n{fitted(value, VALUE_SIZE_MAX, slack)}") for name, value in screen.facts]
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": fitted(title, HEADER_SIZE_MAX, slack), "emoji": False},
        },
        *({"type": "section", "fields": facts[i : i + FIELDS_MAX]} for i in range(0, len(facts), FIELDS_MAX)),
    ]
    if screen.links:
        blocks.append({"type": "section", "text": _text(" · ".join(_link(*one) for one in screen.links))})
    body = orjson.dumps(
        {"text": fitted(title, TEXT_SIZE_MAX, slack), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}
    )
    url = settings.url.get_secret_value() if settings.url else ""
    return Request(url, {"Content-Type": "application/json"}, body, settings.timeout, accepted=accepted)


def accepted(status: int, body: bytes) -> bool:
    """Success is the text `ok`, not a status alone."""
    return status == 200 and body.strip() == b"ok"


def _text(words: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": words, "verbatim": True}


def _link(name: str, address: str) -> str:
    return f"<{slack(address).replace('|', '%7C')}|{name}>"
