"""`webhook`: a signed JSON document (Standard Webhooks 1.0)."""

from __future__ import annotations

from datetime import datetime

import orjson

from collector.paging.request import Request, plain_intent
from collector.paging.signing import signature
from schemas.destinations import Webhook
from schemas.page import Delivery


def render(delivery: Delivery, settings: Webhook, deployment: str, now: datetime) -> Request:
    """The request of one attempt at *now*; without a secret it is sent unsigned."""
    document = {
        "type": f"incident.{delivery.intent.change}",
        "timestamp": delivery.intent.at.isoformat(),
        "data": plain_intent(delivery, deployment, now),
    }
    body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    stamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.webhook_id(),
        "webhook-timestamp": str(stamp),
    }
    if settings.secret is not None:
        secret = settings.secret.get_secret_value()
        headers["webhook-signature"] = signature(secret, delivery.webhook_id(), stamp, body)
    return Request(settings.url, headers, body, settings.timeout)


def accepted(status: int) -> bool:
    """Only 2xx is success."""
    return 200 <= status < 300
