"""
When a vantage of ours could not see the providers: what it saw then is our fault, and counts in no budget.

A span begins one minute before the first failure, since the tick of a failure is earlier than its failing, and ends
when the incident does. The incidents are remembered for as long as the longest window of a usual burn rate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.hard_down import Watch
from schemas.incident import Incident, IncidentState, Level, Signal
from schemas.observation import Observation

BLINDNESS_REMEMBERED = timedelta(days=7)
BEFORE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class BlindSpan:
    """*vantage* could not see anybody in [start, end); end is None while it lasts."""

    vantage: str
    start: datetime
    end: datetime | None

    def holds(self, one: Observation) -> bool:
        """Whether *one* was seen so."""
        return one.vantage == self.vantage and self.start <= one.tick and (self.end is None or one.tick < self.end)


def is_blindness(incident: Incident) -> bool:
    """Whether *incident* says that a vantage could not see the providers."""
    return incident.signal is Signal.HARD_DOWN and incident.scope.level is Level.OBSERVER


def blind_spans(incidents: Iterable[Incident]) -> tuple[BlindSpan, ...]:
    """The spans that *incidents* tell of, in order."""
    blind = (one for one in incidents if is_blindness(one))
    spans = (BlindSpan(one.scope.id, one.failed_at - BEFORE, one.resolved_at) for one in blind)
    return tuple(sorted(spans, key=lambda span: (span.start, span.vantage)))


def seen_clearly(observations: Iterable[Observation], spans: Sequence[BlindSpan]) -> Iterable[Observation]:
    """*observations* without those of *spans*."""
    if not spans:
        return observations
    return (one for one in observations if not any(span.holds(one) for span in spans))


def blind_now(incidents: Iterable[Incident]) -> frozenset[str]:
    """The vantages of which *incidents* say that they cannot see the providers."""
    return frozenset(one.scope.id for one in incidents if is_blindness(one) and one.state is not IncidentState.RESOLVED)


def seen_again(watches: Mapping[str, Watch], vantages: Collection[str], failures: int) -> dict[str, Watch]:
    """
    *watches* once *vantages* can see again: what has answered since, and not failed *failures* times after it, is up.

    That it was down was our blindness; what has not answered yet stays down.
    """
    return {
        key: replace(watch, down=False, down_at=None, failed_at=watch.failed_at if watch.streak else None)
        if watch.vantage in vantages and watch.down and watch.streak < failures
        else watch
        for key, watch in watches.items()
    }
