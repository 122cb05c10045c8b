"""`webhook`: a signed JSON document (Standard Webhooks 1.0)."""

from __future__ import annotations

from datetime import datetime

import orjson

from collector.paging.request import Request, plain_intent
from collector.paging.screen import screen_of
from collector.paging.signing import signatures
from schemas.destinations import Webhook
from schemas.page import Delivery
from schemas.paging import Paging


def render(delivery: Delivery, settings: Webhook, paging: Paging, now: datetime) -> Request:
    """The request of one attempt at *now*; without a secret it is sent unsigned."""
    links = {name.lower(): address for name, address in screen_of(delivery, paging, now).links}
    document = {
        "type": f"incident.{delivery.intent.change}",
        "timestamp": delivery.intent.at.isoformat(),
        "data": plain_intent(delivery, paging.deployment, now) | {"links": links},
    }
    body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    stamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.webhook_id(),
        "webhook-timestamp": str(stamp),
    }
    if secrets := settings.secrets():
        headers["webhook-signature"] = signatures(secrets, delivery.webhook_id(), stamp, body)
    return Request(settings.url, headers, body, settings.timeout, settings.tls.ca_file)
