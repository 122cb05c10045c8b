"""What a probe kind is given, what it gives back, and how: one function per kind, which never raises for a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from probes.connection import Connections
from probes.scattered_grid import scattered_grid
from probes.schedule import EPOCH, Grid, grid_of
from schemas.clock import Clock
from schemas.config import LOCAL, Module
from schemas.errors import TouchstoneError
from schemas.fleet import Place
from schemas.observation import Instrument, Outcome, Reason, Timings, Tokens
from schemas.probe_kinds import INTEGRITY_KINDS
from schemas.sample import Sample


@dataclass(frozen=True, slots=True)
class Subject:
    """
    One target probed with one module from one vantage: the unit that has a grid of ticks.

    *shift*: see probes/schedule.py. A vantage with a name of its own has phases of its own, so that several of them
    look one after the other, not all at once. *secret* is what an integrity probe draws its prompts and its times from.
    """

    place: Place
    module_name: str
    module: Module
    shift: int = 0
    vantage: str = LOCAL
    secret: SecretStr | None = None

    @property
    def key(self) -> str:
        """Its name here."""
        return f"{self.place.id}|{self.module_name}"

    @property
    def phase_key(self) -> str:
        """What the grid's phase is hashed from."""
        return self.key if self.vantage == LOCAL else f"{self.key}|{self.vantage}"

    @property
    def grid(self) -> Grid:
        """Its ticks; those of an integrity probe cannot be foreseen."""
        if self.secret is not None and self.module.kind in INTEGRITY_KINDS:
            return scattered_grid(self.secret_bytes, self.phase_key, self.module.interval, self.shift)
        return grid_of(self.phase_key, self.module.interval, self.shift)

    @property
    def secret_bytes(self) -> bytes:
        """The secret; raises TouchstoneError without one."""
        if self.secret is None:
            raise TouchstoneError(f"{self.module.kind} needs integrity.secret")
        return self.secret.get_secret_value().encode()

    @property
    def trail(self) -> str:
        """What its ticks are remembered under; a changed grid begins a new trail."""
        return f"{self.key}|{self.grid.name}"

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
    instrument: Instrument = field(default_factory=Instrument)
    tokens: Tokens = field(default_factory=Tokens)
    figures: Mapping[str, float] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    bytes_in: int = 0
    finish_reason: str = ""
    answer_digest: str = ""
    server_request_id: str = ""
    merged_first_at: float | None = (
        None  # when (s, monotonic) the first token was read, if what followed it came with it
    )


@dataclass(frozen=True, slots=True)
class Ask:
    """
    One attempt to make, for *tick*.

    *nonce* is unique to it, and the same nonce gives the same request; *warm* asks on a connection that has just
    answered another. *turn* is held while an answer is read, by one attempt at a time.
    """

    subject: Subject
    nonce: str
    warm: bool
    connections: Connections
    clock: Clock
    turn: asyncio.Lock
    tick: datetime = EPOCH


class Probe(Protocol):
    """One way of asking."""

    async def __call__(self, ask: Ask) -> Finding:
        """Send the request and say what became of it; whatever the server does is a Finding."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A probe kind: its settings and how it asks."""

    settings: type[Module]
    probe: Probe
