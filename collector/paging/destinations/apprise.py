"""`apprise`: whatever the package of that name knows, by its URL: title, text and a kind."""

from __future__ import annotations

from datetime import datetime

from collector.paging.request import Notice
from collector.paging.screen import screen_of
from schemas.destinations import Apprise
from schemas.incident import Change, Severity
from schemas.page import Delivery
from schemas.paging import Paging

_KIND = {Severity.P0: "failure", Severity.P1: "failure", Severity.P2: "warning", Severity.P3: "info"}


def render(delivery: Delivery, settings: Apprise, paging: Paging, now: datetime) -> Notice | None:
    """The notice of one attempt at *now*; the services know no acknowledgement."""
    if delivery.intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    _title, _, text = screen.text().partition("\n\n")
    return Notice(screen.title, text, "success" if screen.over else _KIND[delivery.intent.severity])
