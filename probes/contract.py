"""What a probe kind is given, what it gives back, and how: one function per kind, which never raises for a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from probes.connection import Connections
from schemas.clock import Clock
from schemas.config import Module
from schemas.fleet import Place
from schemas.observation import Outcome, Reason, Timings, Tokens


@dataclass(frozen=True, slots=True)
class Subject:
    """One target probed with one module: the unit that has a grid of ticks."""

    place: Place
    module_name: str
    module: Module

    @property
    def key(self) -> str:
        """What the grid's phase and the spool's ledger are keyed by."""
        return f"{self.place.id}|{self.module_name}"

    @property
    def bearer(self) -> str | None:
        """The target's key, for the request header only."""
        secret = self.place.target.auth.bearer
        return secret.get_secret_value() if secret else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one request found out, before it has an identity."""

    outcome: Outcome
    reason: Reason | None = None
    detail: str = ""
    http_status: int | None = None
    timings: Timings = field(default_factory=Timings)
    tokens: Tokens = field(default_factory=Tokens)
    bytes_in: int = 0
    finish_reason: str = ""
    answer_digest: str = ""
    server_request_id: str = ""


class ProbeKind(Protocol):
    """One way of asking. *nonce* is unique to the attempt; the same nonce gives the same request."""

    async def __call__(self, subject: Subject, nonce: str, connections: Connections, clock: Clock) -> Finding:
        """Send one request and say what became of it; whatever the server does is a Finding."""
        ...
