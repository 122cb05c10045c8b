"""`email`: one mail per page by SMTP, text and HTML; an incident is one thread."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from collector.paging.plain_text import cut
from collector.paging.request import Letter
from collector.paging.screen import Screen, screen_of
from schemas.destinations import Email
from schemas.incident import Change, Severity
from schemas.page import Delivery
from schemas.paging import Paging

SUBJECT_SIZE_MAX = 200
_POLICY = SMTP.clone(max_line_length=78, cte_type="7bit")


def render(delivery: Delivery, settings: Email, paging: Paging, now: datetime) -> Letter | None:
    """The mail of one attempt at *now*; that somebody has an incident is not mailed."""
    if delivery.intent.change is Change.ACKNOWLEDGED:
        return None
    screen = screen_of(delivery, paging, now)
    thread = _id(f"{paging.deployment}.{delivery.intent.incident}.{delivery.destination}", settings)
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Subject"] = cut(screen.title, SUBJECT_SIZE_MAX)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = _id(f"{paging.deployment}.{delivery.webhook_id()}", settings)
    mail["References"] = thread
    mail["In-Reply-To"] = thread
    mail["Auto-Submitted"] = "auto-generated"
    if delivery.intent.severity is Severity.P0 and not screen.over:
        mail["Importance"] = "high"
    mail.set_content(screen.text() + "\n")
    mail.add_alternative(_html(screen), subtype="html")
    mail.set_boundary(f"=-{delivery.intent.incident}.{delivery.intent.seq}")
    return Letter(settings.sender, settings.to, mail.as_bytes())


def _id(local: str, settings: Email) -> str:
    return f"<{local}@{settings.sender.rpartition('@')[2]}>"


def _html(screen: Screen) -> str:
    rows = [f"<tr><th align=left>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in screen.facts]
    links = [f'<a href="{escape(address)}">{escape(name)}</a>' for name, address in screen.links]
    return "\n".join(
        [
            "<!doctype html><html><body>",
            f"<h3>{escape(screen.title)}</h3>",
            "<table cellpadding=4>",
            *rows,
            "</table>",
            *([f"<p>{' &middot; '.join(links)}</p>"] if links else []),
            "</body></html>",
            "",
        ]
    )
