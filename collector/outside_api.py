"""
What people outside may do without a token: say by a signed link that they have an incident, and PagerDuty's webhooks.

A link leads to a page with a button, because scanners of mail and previews of chats open links; the button posts.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Sequence
from typing import Protocol

import orjson
from aiohttp import web

from collector import pagerduty_webhook
from schemas.response import Acknowledge, Command

ACKNOWLEDGE, PAGERDUTY = "/acknowledge", "/api/v1/pagerduty"
OPEN = frozenset({ACKNOWLEDGE, PAGERDUTY})
BODY_BYTES_MAX = 256 * 1024
FORM_BYTES_MAX = 8 * 1024
NAME_CHARS_MAX = 80
_INCIDENT = re.compile(r"^inc-[0-9a-f]{12}$")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}

logger = logging.getLogger(__name__)


class Desk(Protocol):
    """Who does what people ask."""

    async def respond(self, command: Command) -> str:
        """'' when it is done, else why it is not."""
        ...


class Verified(Protocol):
    """Whether the three values of a link are ours, and in time."""

    def __call__(self, incident: str, expires: str, signature: str) -> bool:
        """True when they are."""
        ...


def routes(desk: Desk, verified: Verified, deployment: str, webhook_secrets: Sequence[str]) -> list[web.RouteDef]:
    """The routes of this file."""

    async def ask(request: web.Request) -> web.Response:
        given = _three(request.query)
        if not verified(*given):
            return _page(403, "This link is not ours, or its time is over.")
        incident, expires, signature = (html.escape(value) for value in given)
        return _page(
            200,
            f"Incident <code>{incident}</code>",
            f'<form method="post" action="{ACKNOWLEDGE}">'
            f'<input type="hidden" name="incident" value="{incident}">'
            f'<input type="hidden" name="expires" value="{expires}">'
            f'<input type="hidden" name="signature" value="{signature}">'
            f'<p><label>Your name <input name="by" required maxlength="{NAME_CHARS_MAX}"></label></p>'
            "<p><button>I have it</button></p></form>",
        )

    async def take(request: web.Request) -> web.Response:
        if (request.content_length or 0) > FORM_BYTES_MAX:
            return _page(413, "That is too much for a name.")
        form = await request.post()
        given = _three({name: value for name, value in form.items() if isinstance(value, str)})
        if not verified(*given):
            return _page(403, "This link is not ours, or its time is over.")
        name = form.get("by")
        by = " ".join(name.split())[:NAME_CHARS_MAX] if isinstance(name, str) and name.isprintable() else ""
        if not by:
            return _page(400, "Say who you are: somebody will ask.")
        refused = await desk.respond(Acknowledge(incident=given[0], by=by, via="link"))
        if refused:
            return _page(409, html.escape(refused))
        return _page(200, f"<b>{html.escape(by)}</b> has <code>{html.escape(given[0])}</code>. Thank you.")

    async def pagerduty(request: web.Request) -> web.Response:
        if (request.content_length or 0) > BODY_BYTES_MAX:
            return web.Response(status=413)
        body = await request.content.read(BODY_BYTES_MAX + 1)
        header = request.headers.get(pagerduty_webhook.SIGNATURE, "")
        if len(body) > BODY_BYTES_MAX or not pagerduty_webhook.verified(webhook_secrets, body, header):
            return web.Response(status=401)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return web.Response(status=400)
        command = pagerduty_webhook.command_in(document, deployment)
        if command is not None and (refused := await desk.respond(command)):
            logger.info("PagerDuty's %s is passed over: %s", type(command).__name__.lower(), refused)
        return web.Response(status=202)

    found = [web.get(ACKNOWLEDGE, ask, allow_head=False), web.post(ACKNOWLEDGE, take)]
    return [*found, web.post(PAGERDUTY, pagerduty)] if webhook_secrets else found


def _three(values: object) -> tuple[str, str, str]:
    """Incident, expiry and signature; empty where there is none."""
    get = values.get if hasattr(values, "get") else lambda name, default: default
    incident, expires, signature = (str(get(name, "")) for name in ("incident", "expires", "signature"))
    return (incident if _INCIDENT.match(incident) else ""), expires, signature


def _page(status: int, said: str, form: str = "") -> web.Response:
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Touchstone</title><style>body{font:18px/1.5 system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}"
        "button,input{font:inherit;padding:.4rem .8rem}</style>"
        f"<h1>Touchstone</h1><p>{said}</p>{form}</html>"
    )
    return web.Response(status=status, text=text, content_type="text/html", headers=_HEADERS)
