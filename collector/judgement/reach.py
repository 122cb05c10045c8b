"""What is inside what: scopes, watches and burn rates against an incident."""

from __future__ import annotations

from collector.judgement.burn_rate import BurnReading
from collector.judgement.causes import burn_signal
from collector.judgement.hard_down import Watch
from schemas.incident import GRAVITY, Incident, Level, Scope, Signal


def contains(wide: Scope, wide_provider: str, scope: Scope, provider: str) -> bool:
    """Whether what is inside *scope* is inside *wide*; a vantage may see everything."""
    if wide == scope:
        return True
    if wide.level is Level.OBSERVER:
        return scope.level not in {Level.OBSERVER, Level.CONTRACT}
    if wide.level is Level.PROVIDER:
        return scope.level in {Level.CLUSTER, Level.TARGET} and wide_provider == provider
    return wide.level is Level.CLUSTER and scope.level is Level.TARGET and scope.id.startswith(f"{wide.id}/")


def within(watch: Watch, scope: Scope) -> bool:
    """Whether *watch* looks at something inside *scope*."""
    match scope.level:
        case Level.OBSERVER:
            return watch.vantage == scope.id
        case Level.PROVIDER:
            return watch.provider == scope.id
        case Level.CLUSTER:
            return watch.cluster == scope.id
        case Level.TARGET:
            return watch.target == scope.id
        case Level.CONTRACT:
            return False


def as_grave(one: Signal, other: Signal) -> bool:
    """Whether both are about the same kind of thing, and *one* is at least as grave as *other*."""
    return one in GRAVITY and other in GRAVITY and GRAVITY.index(one) <= GRAVITY.index(other)


def burns(incident: Incident, reading: BurnReading) -> bool:
    """Whether *reading* is what *incident* is about."""
    return burn_signal(reading) is incident.signal and contains(
        incident.scope, incident.provider, reading.scope, reading.provider
    )
