"""`incidentio`: an HTTP alert source of incident.io. The deduplication key is the key of the incident."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from collector.paging.plain_text import cut, markdown
from collector.paging.request import Request, plain_intent
from collector.paging.screen import screen_of
from schemas.destinations import IncidentIo
from schemas.incident import Change
from schemas.page import Delivery
from schemas.paging import Paging

TITLE_SIZE_MAX = 500


def render(delivery: Delivery, settings: IncidentIo, paging: Paging, now: datetime) -> Request | None:
    """The request of one attempt at *now*; an alert source knows firing and resolved, no acknowledgement."""
    if delivery.intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    facts = [f"**{name}:** {markdown(value)}" for name, value in screen.facts]
    event: dict[str, Any] = {
        "title": cut(screen.title, TITLE_SIZE_MAX),
        "status": "resolved" if screen.over else "firing",
        "deduplication_key": delivery.dedup_key(paging.deployment),
        "description": "\n\n".join([*facts, *(f"[{name}]({address})" for name, address in screen.links)]),
        "metadata": plain_intent(delivery, paging.deployment, now),
        **({"source_url": screen.dashboard} if screen.dashboard else {}),
    }
    token = settings.token.get_secret_value() if settings.token else ""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return Request(settings.url, headers, orjson.dumps(event), settings.timeout)
