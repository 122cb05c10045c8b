"""
One cluster, or all of a provider, over a window: what their pages show, read at once for `touchstone cluster`.

A page reads the same, piece by piece, because it is drawn piece by piece; how much, and what is made of it, is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.judgement.availability import Availability, availability
from collector.storage.cluster_queries import EngineLine, TargetLine
from collector.storage.day_bars import DayBar
from collector.storage.incident_queries import IncidentRow
from collector.storage.queries import Reader
from collector.storage.series_queries import ErrorPoint, LatencyPoint
from schemas.incident import Level
from schemas.observation import BLAME, Blame, Reason

LATENCY_POINTS = 240
ERROR_POINTS = 60
INCIDENTS_READ, INCIDENTS = 200, 25
OBSERVATIONS = 50
BAR_DAYS = 90


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often one reason came, and whose fault it is."""

    reason: str
    blame: Blame
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """
    What is known of a place over [start, end); *availability* is None when nothing is.

    *incidents*, *observations* and *days* are the last ones, whatever the window.
    """

    start: datetime
    end: datetime
    availability: Availability | None
    targets: tuple[TargetLine, ...]
    first_tokens: tuple[LatencyPoint, ...]
    errors: tuple[ErrorPoint, ...]
    engines: tuple[EngineLine, ...]
    days: tuple[DayBar, ...]
    incidents: tuple[IncidentRow, ...]
    observations: tuple[dict[str, Any], ...]

    @property
    def known(self) -> bool:
        """Whether anything was ever seen of it in the days that are kept."""
        return bool(self.days)


def cluster_record(
    reader: Reader, place: str, start: datetime, end: datetime, *, block_s: float, confidence: float,
    points: int = LATENCY_POINTS,
) -> ClusterRecord:  # fmt: skip
    """Of *place*, `provider/name` or a provider; *points* of time to first token for each connection at most."""
    provider, _, name = place.partition("/")
    cluster = place if name else ""
    blocks = reader.cluster_blocks(provider, cluster, start, end, block_s=block_s)
    return ClusterRecord(
        start=start,
        end=end,
        availability=availability(blocks, confidence=confidence),
        targets=reader.cluster_targets(provider, cluster, start, end),
        first_tokens=reader.latency_series(provider, start, end, points=points, cluster=cluster),
        errors=reader.error_series(provider, start, end, points=ERROR_POINTS, cluster=cluster),
        engines=reader.engine_figures(provider, cluster, start, end),
        days=tuple(bar for bar in reader.daily_bars(BAR_DAYS) if place in {bar.cluster, bar.provider}),
        incidents=concerning(place, reader.recent_incidents(INCIDENTS_READ, provider=provider))[:INCIDENTS],
        observations=tuple(reader.recent_observations(provider, OBSERVATIONS, cluster=cluster)),
    )


def concerning(place: str, incidents: Iterable[IncidentRow]) -> tuple[IncidentRow, ...]:
    """Those that are about the place, something in it, or the whole provider."""
    return tuple(
        one
        for one in incidents
        if one.level is Level.PROVIDER or one.scope == place or one.scope.startswith(f"{place}/")
    )


def by_reason(points: Iterable[ErrorPoint]) -> tuple[ReasonCount, ...]:
    """How often each reason came, the most frequent first; a reason that is new is nobody's fault yet."""
    counts: dict[str, int] = {}
    for point in points:
        counts[point.reason] = counts.get(point.reason, 0) + point.n
    return tuple(
        ReasonCount(reason, BLAME[Reason(reason)] if reason in set(Reason) else Blame.UNKNOWN, n)
        for reason, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


def sizes(points: Iterable[LatencyPoint]) -> dict[str, int]:
    """How many answers each kind of connection had."""
    found: dict[str, int] = {}
    for point in points:
        found[point.connection] = found.get(point.connection, 0) + point.n
    return dict(sorted(found.items()))
