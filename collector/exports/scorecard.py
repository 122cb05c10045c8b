"""
A provider's record over a period, built from a verdict, the facts under it and the incidents in it.

Nothing here reads a clock or a store: the same inputs give the same card, and each format the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from collector.exports.contract_lines import ContractLine
from collector.judgement import day_marks
from collector.judgement.availability import Availability, availability
from collector.judgement.beside import Beside
from collector.judgement.day_marks import Counted, Day
from collector.judgement.facts import Block, ProviderFacts
from collector.judgement.first_token import FirstTokens, Percentiles, by_connection, merged, percentiles
from collector.judgement.integrity.findings import Examination
from schemas.incident import IncidentState, Level, Severity
from schemas.observation import BLAME, Reason
from schemas.verdict import Verdict

FORMAT = "touchstone.scorecard/3"
ALL_CONNECTIONS = "all"
BAR_DAYS = 90


class ClusterFacts(Protocol):
    """What the card asks of one cluster."""

    @property
    def cluster(self) -> str:
        """Its full id."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Counts by block of time."""

    @property
    def first_tokens(self) -> tuple[FirstTokens, ...]:
        """Times to first token by connection."""


class ClusterDay(Counted, Protocol):
    """Counts of one cluster on one UTC day."""

    @property
    def cluster(self) -> str:
        """Its full id."""


class IncidentFacts(Protocol):
    """What the card asks of one incident."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def severity(self) -> Severity:
        """How bad."""

    @property
    def state(self) -> IncidentState:
        """As it stood at the end of the period."""

    @property
    def level(self) -> Level:
        """What it is about."""

    @property
    def scope(self) -> str:
        """The id of what it is about."""

    @property
    def reason(self) -> str:
        """The dominant reason."""

    @property
    def rule(self) -> str:
        """The cause with its numbers."""

    @property
    def failed_at(self) -> datetime:
        """First evidence."""

    @property
    def opened_at(self) -> datetime:
        """When it was decided."""

    @property
    def resolved_at(self) -> datetime | None:
        """Proven recovery."""


@dataclass(frozen=True, slots=True)
class Line:
    """
    Counts, availability and time to first token (all connections first) of the provider or of one cluster.

    days: the last BAR_DAYS UTC days up to the end of the period, whatever its length, oldest first.
    """

    name: str
    n_ok: int
    n_degraded: int
    n_failed: int
    n_unknown: int
    n_not_observed: int
    availability: Availability | None
    ttft: tuple[Percentiles, ...]
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """How often one reason came, and whose fault it is."""

    reason: str
    blame: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLine:
    """One incident of the period; lasted_s is None while it is open."""

    id: str
    severity: str
    state: str
    scope: str
    reason: str
    rule: str
    failed_at: datetime
    opened_at: datetime
    resolved_at: datetime | None
    noticed_s: float
    lasted_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """
    A provider's record over [start, end).

    verdict: the one that held at *end*. examination: the last one that was known then, None before the first. contract:
    the billing months that have time in the period.
    """

    provider: str
    name: str
    start: datetime
    end: datetime
    confidence: float
    verdict: Verdict
    whole: Line
    clusters: tuple[Line, ...]
    reasons: tuple[ReasonLine, ...]
    incidents: tuple[IncidentLine, ...]
    beside: Beside
    examination: Examination | None
    simulated: bool
    contract: tuple[ContractLine, ...] = ()

    @property
    def down_s(self) -> float:
        """Seconds of the period from first evidence to proven recovery, over incidents of the whole provider."""
        lasted = (
            min(one.resolved_at or self.end, self.end) - max(one.failed_at, self.start)
            for one in self.incidents
            if one.scope == self.provider
        )
        return _seconds(sum((max(span, timedelta()) for span in lasted), timedelta()))


def scorecard(
    verdict: Verdict,
    facts: ProviderFacts,
    clusters: Sequence[ClusterFacts],
    incidents: Iterable[IncidentFacts],
    beside: Beside,
    *,
    start: datetime,
    end: datetime | None = None,
    confidence: float,
    days: Iterable[ClusterDay] = (),
    examination: Examination | None = None,
    name: str = "",
    simulated: bool = False,
    contract: tuple[ContractLine, ...] = (),
) -> Scorecard:
    """The card over [*start*, *end*), else up to the verdict; what was swallowed by a wider incident is left out."""
    end, days = end or verdict.at, list(days)
    return Scorecard(
        provider=verdict.provider,
        name=name,
        start=start,
        end=end,
        confidence=confidence,
        verdict=verdict,
        whole=_line(
            verdict.provider,
            facts.blocks,
            by_connection(part for one in clusters for part in one.first_tokens),
            confidence,
            _days(days, end),
        ),
        clusters=tuple(
            _line(
                one.cluster,
                one.blocks,
                one.first_tokens,
                confidence,
                _days((day for day in days if day.cluster == one.cluster), end),
            )
            for one in sorted(clusters, key=lambda one: one.cluster)
        ),
        reasons=_reasons(facts.reasons),
        incidents=tuple(
            _incident(one)
            for one in sorted(incidents, key=lambda one: (one.failed_at, one.id))
            if one.state is not IncidentState.CHILD
        ),
        beside=beside,
        examination=examination,
        simulated=simulated,
        contract=contract,
    )


def _line(
    name: str,
    blocks: Sequence[Block],
    first_tokens: Sequence[FirstTokens],
    confidence: float,
    days: tuple[Day, ...],
) -> Line:
    return Line(
        name=name,
        n_ok=sum(block.n_ok for block in blocks),
        n_degraded=sum(block.n_degraded for block in blocks),
        n_failed=sum(block.n_failed for block in blocks),
        n_unknown=sum(block.n_unknown for block in blocks),
        n_not_observed=sum(block.n_not_observed for block in blocks),
        availability=availability(blocks, confidence=confidence),
        ttft=tuple(percentiles(part) for part in (merged(first_tokens, ALL_CONNECTIONS), *first_tokens)),
        days=days,
    )


def last_day(end: datetime) -> date:
    """The UTC day that holds the last instant before *end*."""
    return (end.astimezone(UTC) - timedelta(microseconds=1)).date()


def _days(counted: Iterable[Counted], end: datetime) -> tuple[Day, ...]:
    return day_marks.row(counted, last_day(end), BAR_DAYS)


def _reasons(counts: Mapping[str, int]) -> tuple[ReasonLine, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ReasonLine(reason, BLAME[Reason(reason)].value, n) for reason, n in ordered)


def _incident(incident: IncidentFacts) -> IncidentLine:
    return IncidentLine(
        id=incident.id,
        severity=incident.severity.value,
        state=incident.state.value,
        scope=incident.scope,
        reason=incident.reason,
        rule=incident.rule,
        failed_at=incident.failed_at,
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        noticed_s=_seconds(incident.opened_at - incident.failed_at),
        lasted_s=None if incident.resolved_at is None else _seconds(incident.resolved_at - incident.failed_at),
    )


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)
