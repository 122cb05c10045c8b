"""A report as one mail with the file attached, or as one signed webhook; every try of it says the same id."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import orjson

from collector.paging.plain_text import clean, cut
from collector.paging.request import Letter, Request
from collector.paging.signing import signatures
from schemas.destinations import Email, Webhook

SUBJECT_SIZE_MAX = 200
_POLICY = SMTP.clone(max_line_length=78, cte_type="7bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFile:
    """
    A report as a file: *title* in words, *period* its label, over [begins, ends).

    *key* tells it from every other report of the deployment.
    """

    deployment: str
    key: str
    title: str
    report: str
    provider: str
    period: str
    begins: datetime
    ends: datetime
    name: str
    media_type: str
    body: bytes

    @property
    def id(self) -> str:
        """The same for every try."""
        return f"rep-{hashlib.sha256(f'{self.deployment}|{self.key}'.encode()).hexdigest()[:24]}"

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.body).hexdigest()


def letter(file: ReportFile, settings: Email, now: datetime) -> Letter:
    """The mail of one attempt at *now*."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Subject"] = cut(clean(file.title), SUBJECT_SIZE_MAX)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{file.id}@{settings.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"{clean(file.title)}\n\n{file.begins:%Y-%m-%d %H:%M} to {file.ends:%Y-%m-%d %H:%M} UTC, as it was known "
        f"then.\nAttached: {file.name}, sha256 {file.sha256}\n"
    )
    kind, _, subtype = file.media_type.partition("/")
    mail.add_attachment(file.body, maintype=kind, subtype=subtype, filename=file.name)
    mail.set_boundary(f"=-{file.id}")
    return Letter(settings.sender, settings.to, mail.as_bytes())


def posted(file: ReportFile, settings: Webhook, now: datetime) -> Request:
    """The request of one attempt at *now* (Standard Webhooks 1.0); the file is in it, as base64."""
    document = {
        "type": "report.closed",
        "timestamp": file.ends.isoformat(),
        "data": {
            "deployment": file.deployment,
            "report": file.report,
            "provider": file.provider,
            "period": {"label": file.period, "begins": file.begins.isoformat(), "ends": file.ends.isoformat()},
            "title": clean(file.title),
            "file": {
                "name": file.name,
                "media_type": file.media_type,
                "sha256": file.sha256,
                "base64": base64.b64encode(file.body).decode(),
            },
        },
    }
    body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    stamp = int(now.timestamp())
    headers = {"Content-Type": "application/json", "webhook-id": file.id, "webhook-timestamp": str(stamp)}
    if secrets := settings.secrets():
        headers["webhook-signature"] = signatures(secrets, file.id, stamp, body)
    return Request(settings.url, headers, body, settings.timeout, settings.tls.ca_file)
