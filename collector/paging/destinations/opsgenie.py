"""`opsgenie`: its Alert API, and what is compatible with it. The alias is the key of the incident."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from collector.paging.plain_text import clean, cut
from collector.paging.request import Request
from collector.paging.screen import closes, screen_of
from schemas.destinations import Opsgenie
from schemas.incident import Change, Severity
from schemas.page import Delivery
from schemas.paging import Paging

MESSAGE_SIZE_MAX = 130
ALIAS_SIZE_MAX = 512
DESCRIPTION_SIZE_MAX = 15_000
DETAILS_SIZE_MAX = 8_000  # names and values together
DETAIL_SIZE_MAX = 500
USER_SIZE_MAX = 100
TAG_SIZE_MAX = 50
SOURCE = "Touchstone"
_PRIORITY = {Severity.P0: "P1", Severity.P1: "P2", Severity.P2: "P3", Severity.P3: "P4"}


def render(delivery: Delivery, settings: Opsgenie, paging: Paging, now: datetime) -> Request:
    """The request of one attempt at *now*: the alert is created, acknowledged or closed by its alias."""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    headers = {"Content-Type": "application/json", "Authorization": f"GenieKey {key}"}
    alias = delivery.dedup_key(paging.deployment)
    title = screen_of(delivery, paging, now).title
    if closes(delivery.intent):
        return Request(_act(settings, alias, "close"), headers, _note(title), settings.timeout)
    if delivery.intent.change is Change.ACKNOWLEDGED:
        who = cut(clean(delivery.intent.acknowledged_by), USER_SIZE_MAX)
        return Request(_act(settings, alias, "acknowledge"), headers, _note(title, who), settings.timeout)
    return Request(settings.url, headers, orjson.dumps(_alert(delivery, alias, paging, now)), settings.timeout)


def _alert(delivery: Delivery, alias: str, paging: Paging, now: datetime) -> dict[str, Any]:
    intent, screen = delivery.intent, screen_of(delivery, paging, now)
    details = {name: cut(value, DETAIL_SIZE_MAX) for name, value in screen.facts}
    return {
        "message": cut(screen.title, MESSAGE_SIZE_MAX),
        "alias": alias,
        "description": cut(screen.text(), DESCRIPTION_SIZE_MAX),
        "details": details,
        "entity": intent.scope.id,
        "priority": _PRIORITY[intent.severity],
        "source": SOURCE,
        "tags": [cut(one, TAG_SIZE_MAX) for one in (paging.deployment, intent.signal.value)],
    }


def _act(settings: Opsgenie, alias: str, act: str) -> str:
    return f"{settings.url.rstrip('/')}/{quote(alias, safe='')}/{act}?identifierType=alias"


def _note(title: str, who: str = "") -> bytes:
    return orjson.dumps({"source": SOURCE, "note": title, **({"user": who} if who else {})})
