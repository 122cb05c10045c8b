"""
An observation as one tuple: what ingest takes in by the thousand, where an object of four costs more than reading it.

Its fields are named as in `Observation`, without the groups they stand in there, and arrivals are packed: as their
bytes they go from the wire into the store without an object of each. `whole` is that observation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from struct import pack, unpack
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from schemas.observation import (
    BLAME,
    Blame,
    Connection,
    Distrust,
    Instrument,
    Observation,
    Outcome,
    Reason,
    Source,
    Stamp,
    Timings,
    Tokens,
)
from schemas.sample import Sample
from schemas.tick import observation_id

DOUBLE_BYTES = 8


class FlatObservation(NamedTuple):
    """One that an `Observation` was checked as: made with `of`, or in the form of one that was."""

    target: str
    vantage: str
    kind: str
    tick: datetime
    attempt: int
    provider: str
    cluster: str
    region: str
    model: str
    module: str
    access_path: str
    account: str
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    reason: Reason | None
    detail: str
    http_status: int | None
    figures: Mapping[str, float]
    samples: tuple[Sample, ...]
    bytes_in: int
    finish_reason: str
    answer_digest: str
    server_request_id: str
    late_ms: float
    loop_lag_ms: float
    streams_open: int
    distrust: Distrust | None
    source: Source
    span: str
    simulated: bool
    agent_version: str
    dns_ms: float | None
    connect_ms: float | None
    tls_ms: float | None
    sent_ms: float | None
    first_byte_ms: float | None
    reasoning_ms: float | None
    first_token_ms: float | None
    last_token_ms: float | None
    stream_end_ms: float | None
    total_ms: float | None
    arrivals_ms: bytes  # doubles, as `packed` makes them
    connection: Connection
    stamp: Stamp
    reads: int
    merged_reads: int
    clock_step_ms: float
    billed_in: int | None
    billed_out: int | None
    counted_out: int | None
    counted_by: str
    chunks: int

    @classmethod
    def of(cls, observation: Observation) -> FlatObservation:
        """*observation*, flat."""
        return cls._make(_values(observation))._replace(arrivals_ms=packed(observation.timings.arrivals_ms))

    def whole(self) -> Observation:
        """The observation that this is."""
        values = self._asdict() | {"arrivals_ms": _unpacked(self.arrivals_ms)}
        groups = {group: kind(**{name: values.pop(name) for name in names}) for group, (kind, names) in _GROUPS.items()}
        return Observation(**values, **groups)

    @property
    def id(self) -> UUID:
        """As Observation.id."""
        return observation_id(
            target=self.target,
            vantage=self.vantage,
            kind=self.kind,
            tick=self.tick,
            attempt=self.attempt,
            span=self.span,
        )

    @property
    def confirm(self) -> bool:
        """As Observation.confirm."""
        return self.attempt > 0

    @property
    def blame(self) -> Blame | None:
        """As Observation.blame."""
        return None if self.reason is None else BLAME[self.reason]


def packed(numbers: Sequence[float]) -> bytes:
    """*numbers* as doubles behind one another, DOUBLE_BYTES each, the lowest byte first."""
    return pack(f"<{len(numbers)}d", *numbers)


def _unpacked(doubles: bytes) -> tuple[float, ...]:
    return unpack(f"<{len(doubles) // DOUBLE_BYTES}d", doubles)


AnyObservation = Observation | FlatObservation


def flat(observation: AnyObservation) -> FlatObservation:
    """*observation*, flat."""
    return observation if isinstance(observation, FlatObservation) else FlatObservation.of(observation)


_GROUPS: Mapping[str, tuple[Any, tuple[str, ...]]] = MappingProxyType(
    {
        group: (kind, tuple(field.name for field in fields(kind)))
        for group, kind in (("timings", Timings), ("instrument", Instrument), ("tokens", Tokens))
    }
)
_GROUP_OF = {name: f"{group}.{name}" for group, (_, names) in _GROUPS.items() for name in names}
_values = attrgetter(*(_GROUP_OF.get(name, name) for name in FlatObservation._fields))
