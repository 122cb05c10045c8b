"""What a probe kind is given, what it gives back, and how: one function per kind, which never raises for a provider."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from probes.connection import Connections
from probes.schedule import Grid, grid_of
from schemas.clock import Clock
from schemas.config import LOCAL, Module
from schemas.fleet import Place
from schemas.observation import Instrument, Outcome, Reason, Timings, Tokens
from schemas.sample import Sample


@dataclass(frozen=True, slots=True)
class Subject:
    """
    One target probed with one module from one vantage: the unit that has a grid of ticks.

    *shift*: see probes/schedule.py. A vantage with a name of its own has phases of its own, so that several of them
    look one after the other, not all at once.
    """

    place: Place
    module_name: str
    module: Module
    shift: int = 0
    vantage: str = LOCAL

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
        """Its ticks."""
        return grid_of(self.phase_key, self.module.interval, self.shift)

    @property
    def trail(self) -> str:
        """What its ticks are remembered under; a changed grid begins a new trail."""
        grid = self.grid
        return f"{self.key}|{grid.interval_ms}+{grid.phase_ms}"

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
    One attempt to make.

    *nonce* is unique to it, and the same nonce gives the same request; *warm* asks on a connection that has just
    answered another. *turn* is held while an answer is read, by one attempt at a time.
    """

    subject: Subject
    nonce: str
    warm: bool
    connections: Connections
    clock: Clock
    turn: asyncio.Lock


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
