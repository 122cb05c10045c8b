"""What a destination makes of a delivery: one HTTP POST, one mail, or one notice; and the facts as plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.paging.plain_text import clean, cut
from collector.paging.screen import closes
from schemas.incident import Evidence, Signal
from schemas.page import Delivery

TEXT_SIZE_MAX = 1500
LIST_MAX = 20


def any_2xx(status: int, body: bytes) -> bool:
    """What most receivers mean by success: not a redirect, and not 1xx."""
    return 200 <= status < 300


@dataclass(frozen=True, slots=True)
class Request:
    """One POST. *timeout_s* bounds the whole attempt. The repr shows nothing: address, headers, body hold secrets."""

    url: str
    headers: dict[str, str]
    body: bytes
    timeout_s: float
    ca_file: str | None = None
    accepted: Callable[[int, bytes], bool] = any_2xx  # by the status and the beginning of the answer's body

    def __repr__(self) -> str:
        return f"Request({len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: *content* is the whole of it, headers too."""

    sender: str
    to: tuple[str, ...]
    content: bytes

    def __repr__(self) -> str:
        return f"Letter({len(self.content)} bytes)"


@dataclass(frozen=True, slots=True)
class Notice:
    """What the package apprise is given."""

    title: str
    text: str
    kind: str


Message = Request | Letter | Notice


def plain_intent(delivery: Delivery, deployment: str, now: datetime) -> dict[str, Any]:
    """The facts of a page as plain JSON values, each of bounded length."""
    intent, late = delivery.intent, delivery.late_by(now)
    return {
        "incident": intent.incident,
        "dedup_key": delivery.dedup_key(deployment),
        "seq": intent.seq,
        "change": intent.change.value,
        "state": intent.state.value,
        "closes": closes(intent),
        "signal": intent.signal.value,
        "severity": intent.severity.value,
        "provider": intent.provider,
        "scope": {"level": intent.scope.level.value, "id": intent.scope.id},
        "summary": cut(clean(intent.summary), TEXT_SIZE_MAX),
        "reason": cut(clean(intent.reason), TEXT_SIZE_MAX),
        "rule": cut(clean(intent.rule), TEXT_SIZE_MAX),
        "evidence": _plain_evidence(intent.evidence),
        "failed_at": intent.failed_at.isoformat(),
        "opened_at": intent.opened_at.isoformat(),
        "resolved_at": intent.resolved_at.isoformat() if intent.resolved_at else None,
        "decided_at": intent.at.isoformat(),
        "acknowledged_by": cut(clean(intent.acknowledged_by), TEXT_SIZE_MAX),
        "step": intent.step,
        "drill": intent.signal is Signal.DRILL,
        "attempt": delivery.attempt + 1,
        "first_attempt_at": (delivery.first_attempt_at or now).isoformat(),
        "late_s": late.total_seconds() if late is not None else None,
        "instead_of": delivery.instead_of,
    }


def _plain_evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "certainty": cut(clean(evidence.certainty), TEXT_SIZE_MAX),
        "affected": [clean(name) for name in evidence.affected[:LIST_MAX]],
        "affected_n": evidence.affected_n,
        "watched_n": evidence.watched_n,
        "last_good_at": evidence.last_good_at.isoformat() if evidence.last_good_at else None,
        "observations": list(evidence.observations[:LIST_MAX]),
    }
