"""A tick: a scheduled instant of one target's grid; and the identity that every observation of it derives from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

NAMESPACE = UUID("5d1b8f3e-6a52-5c0e-9a57-0d0c3f6b7a11")


@dataclass(frozen=True, slots=True, order=True)
class Tick:
    """One scheduled instant. *at* is aware UTC with millisecond resolution; *target* is its full id."""

    at: datetime
    target: str
    module: str


def observation_id(*, target: str, vantage: str, kind: str, tick: datetime, attempt: int, span: str = "") -> UUID:
    """The id of an observation, derived from its natural key, so that a replay collapses onto itself."""
    return uuid5(NAMESPACE, f"{target}|{vantage}|{kind}|{tick.isoformat()}|{attempt}" + (f"|{span}" if span else ""))
