"""What a receiver was sent: our webhooks and Alertmanager's read into the same few words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

CLOSING = frozenset({"resolved", "absorbed"})
OPENING = frozenset({"opened", "promoted", "reopened"})
OBSERVER = "observer"  # what an incident of our own is about


class What(StrEnum):
    """What a message says of its subject."""

    OPENED = "opened"
    CLOSED = "closed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Said:
    """One message about one subject; *key* tells a repeated message from a new one, '' when there is none."""

    subject: str
    what: What
    key: str = ""


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    A message that reached a receiver at *at_s* (monotonic); *taken* when the receiver has it.

    A receiver that drops its reply has the message, though its sender does not know.
    """

    at_s: float
    side: str
    case: str
    said: Said
    taken: bool


def read(headers: Mapping[str, str], body: Any) -> Iterator[Said]:
    """
    Every message in the body of one POST.

    Raises ValueError when it is neither a webhook of ours nor Alertmanager's version 4.
    """
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    if "alerts" in body:
        for alert in body["alerts"]:
            subject = str(alert["labels"]["instance"]).rpartition("/t/")[2]
            yield Said(subject, What.OPENED if alert["status"] == "firing" else What.CLOSED)
        return
    if "data" not in body:
        raise ValueError("neither a webhook of Touchstone nor one of Alertmanager")
    data = body["data"]
    subject = data.get("provider") or data["scope"]["level"]
    yield Said(subject, _what(data["change"]), headers.get("webhook-id", ""))


def _what(change: str) -> What:
    if change in CLOSING:
        return What.CLOSED
    return What.OPENED if change in OPENING else What.OTHER
