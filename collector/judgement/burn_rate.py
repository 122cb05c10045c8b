"""How fast an error budget burns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.incident import Scope, Signal


class BurnVerdict(StrEnum):
    """What a burn rate says of an incident: PAGE and TICKET open one, CLEAR ends it, the others change nothing."""

    PAGE = "page"
    TICKET = "ticket"
    HOLDING = "holding"
    CLEAR = "clear"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnReading:
    """How one target stands against one objective at *at*; *short* is the short window of the pair that says so."""

    scope: Scope
    provider: str
    cluster: str
    signal: Signal
    objective: str
    verdict: BurnVerdict
    rule: str
    at: datetime
    since: datetime
    reason: str
    observations: tuple[str, ...] = ()
    short: timedelta = timedelta(minutes=5)
