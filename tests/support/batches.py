"""Batches as the spool gives them, and their OTLP bodies, of observations made by hand."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.sdk.resources import Resource

from probes.ship import encoded
from probes.span_bytes import span_bytes
from probes.spool import Batch
from schemas.observation import Observation


def batch_of(id: int, observations: Iterable[Observation], *, first: int = 1) -> Batch:
    """A batch of *observations*, numbered from *first*."""
    return Batch(id, tuple((seq, span_bytes(one)) for seq, one in enumerate(observations, first)))


def body_of_batch(id: int, observations: Iterable[Observation], *, first: int = 1) -> bytes:
    """The OTLP request of the same, not compressed."""
    return encoded(batch_of(id, observations, first=first), Resource({}))
