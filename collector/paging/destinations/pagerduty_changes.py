"""`pagerduty_changes`: change events, which PagerDuty shows beside incidents for 90 days and tells nobody of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from collector.paging.destinations.pagerduty import SUMMARY_SIZE_MAX, key_of, links_of, posted
from collector.paging.plain_text import cut
from collector.paging.request import Request, plain_intent
from collector.paging.screen import screen_of
from schemas.destinations import PagerDutyChanges
from schemas.incident import Change
from schemas.page import Delivery
from schemas.paging import Paging


def render(delivery: Delivery, settings: PagerDutyChanges, paging: Paging, now: datetime) -> Request | None:
    """The request of one attempt at *now*; that somebody has an incident is no change of anything."""
    if delivery.intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    event: dict[str, Any] = {
        "routing_key": key_of(settings),
        "links": links_of(screen),
        "payload": {
            "summary": cut(screen.title, SUMMARY_SIZE_MAX),
            "source": delivery.intent.scope.id,
            "timestamp": delivery.intent.at.isoformat(),
            "custom_details": plain_intent(delivery, paging.deployment, now),
        },
    }
    return posted(event, settings)
