"""
What was written down and is read again: verdicts, incidents, pages, what people said, billing months, examinations.

What is counted of observations is in queries.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from collector.judgement.integrity.findings import Examination
from collector.judgement.integrity.suspicion import Stage
from collector.judgement.response_times import Handled
from collector.judgement.sla.claim_record import ClaimRecord, claim_records
from collector.judgement.sla.statement import Statement
from collector.judgement.tier_history import TierChange, changes
from collector.storage import (
    delivery_queries,
    evidence_records,
    history_loads,
    incident_queries,
    records,
    statement_records,
    verdict_queries,
)
from collector.storage.client import EPOCH, FAR, of_ms, to_ms
from collector.storage.delivery_queries import DeliveryRow, DestinationLine
from collector.storage.history_loads import HistoryProgress
from collector.storage.incident_queries import IncidentRow, IncidentStory
from collector.storage.open_store import OpenStore
from collector.storage.records import NotedConfiguration
from collector.storage.verdict_queries import verdict_of
from schemas.incident import IncidentState, Signal
from schemas.response import Said
from schemas.verdict import Verdict

ROWS_MAX = 1_000
HANDLED_MAX = 10_000


class Recorded(OpenStore):
    """The records of an open store."""

    def latest_verdicts(self, at: datetime = FAR) -> tuple[Verdict, ...]:
        """The last verdict on every provider that has one, given at *at* or before."""
        return tuple(verdict_of(body) for (body,) in self._rows(verdict_queries.LATEST, at=to_ms(at), provider=""))

    def verdict(self, provider: str, at: datetime | None = None) -> Verdict | None:
        """The last verdict on *provider*, or the one that held at *at*; None when there is none."""
        rows = self._rows(verdict_queries.LATEST, at=to_ms(at or FAR), provider=provider)
        return verdict_of(rows[0][0]) if rows else None

    def tier_changes(self, provider: str, limit: int = 100) -> tuple[TierChange, ...]:
        """When *provider*, its clusters and its models came into another tier: of the last *limit* such verdicts."""
        rows = self._rows(verdict_queries.CHANGES, provider=provider, limit=min(limit, ROWS_MAX))
        return tuple(changes(verdict_of(body) for (body,) in rows))

    def tier_since(self) -> dict[str, datetime]:
        """Since when each provider has been in its present tier, without a break."""
        return dict(self._rows(verdict_queries.SINCE))

    def settled_at(self) -> datetime | None:
        """The instant of the newest verdict on anybody: nothing known before it is still to come. None before any."""
        at, n = self._rows(verdict_queries.NEWEST)[0]
        return at if n else None

    def configuration_at(self, at: datetime) -> dict[str, Any] | None:
        """The configuration that a collector ran with at *at*, secrets masked, as JSON values; None when none did."""
        body, n = self._rows(records.CONFIGURATION_AT, at=to_ms(at))[0]
        configuration: dict[str, Any] | None = orjson.loads(body) if n else None
        return configuration

    def noted_configuration(self) -> NotedConfiguration | None:
        """What a collector noted last as what it runs with; None before the first."""
        *noted, n = self._rows(records.LATEST)[0]
        return NotedConfiguration(*noted) if n else None

    def statements(self, since: datetime, provider: str = "") -> tuple[Statement, ...]:
        """Billing months as they were counted last, of those that were counted at all after *since*."""
        rows = self._rows(statement_records.LATEST, since=to_ms(since), provider=provider)
        return tuple(statement_records.statement_of(body) for (body,) in rows)

    def statements_known(self, provider: str, start: datetime, at: datetime) -> tuple[Statement, ...]:
        """The billing months of *provider* with time in [*start*, *at*), as they were known at *at*."""
        rows = self._rows(statement_records.KNOWN, provider=provider, since=to_ms(start), at=to_ms(at))
        return tuple(statement_records.statement_of(body) for (body,) in rows)

    def claims(self, at: datetime | None = None, provider: str = "") -> dict[str, ClaimRecord]:
        """What was claimed and answered by *at*, else until now; by the key of its statement."""
        rows = self._rows(incident_queries.CLAIMS, at=to_ms(at or FAR), provider=provider)
        return claim_records(incident_queries.claim_line_of(row) for row in rows)

    def examinations(self, provider: str = "", at: datetime = FAR) -> tuple[Examination, ...]:
        """The last examination known before *at*, of one provider or of each."""
        rows = self._rows(evidence_records.LATEST, at=to_ms(at), provider=provider)
        return tuple(Examination(of_ms(ms), evidence_records.suspicion_of(body)) for ms, body in rows)

    def suspicion_stages(self) -> dict[str, Stage]:
        """How far the suspicion of each provider has come."""
        return {provider: Stage(stage) for provider, stage in self._rows(evidence_records.STAGES)}

    def open_incidents(self) -> tuple[IncidentRow, ...]:
        """What is broken now, the worst first, then the oldest."""
        found = self._incidents(open=True)
        return tuple(sorted(found, key=lambda incident: (incident.severity, incident.failed_at, incident.id)))

    def recent_incidents(
        self, limit: int = 100, since: datetime = EPOCH, *, provider: str = "", until: datetime = FAR
    ) -> tuple[IncidentRow, ...]:
        """Incidents whose first evidence came at *since* or later, newest first, as they stood at *until*."""
        return self._incidents(limit=limit, since=since, provider=provider, until=until)

    def incidents_over(self, start: datetime, end: datetime, *, provider: str = "") -> tuple[IncidentRow, ...]:
        """Incidents of which any time lies in [start, end), however long ago they began, as they stood at *end*."""
        found = self._incidents(since=start, provider=provider, until=end, lasting=True)
        return tuple(one for one in found if one.failed_at >= start or one.open or _ended(one) > start)

    def incident(self, id: str) -> IncidentStory | None:
        """One incident with its transitions and tries to page; None when there is none of that id."""
        transitions = tuple(
            incident_queries.transition_of(row) for row in self._rows(incident_queries.TRANSITIONS, incident=id)
        )
        if not transitions:
            return None
        pages = tuple(incident_queries.page_of(row) for row in self._rows(incident_queries.PAGES, incident=id))
        return IncidentStory(self._incidents(id=id)[0], transitions, pages)

    def handled(self, start: datetime, end: datetime) -> tuple[Handled, ...]:
        """How each incident was handled whose first evidence came from *start* until *end*; children are left out."""
        found = [
            one
            for one in self._incidents(limit=HANDLED_MAX, since=start, until=end)
            if one.state is not IncidentState.CHILD
        ]
        ids = [one.id for one in found]
        paged = self.first_pages(ids)
        delivered = dict(self._rows(incident_queries.DELIVERED, incidents=ids)) if ids else {}
        return tuple(
            Handled(
                severity=one.severity, drill=one.signal is Signal.DRILL, failed_at=one.failed_at,
                opened_at=one.opened_at, paged_at=paged.get(one.id), acknowledged_at=one.acknowledged_at,
                resolved_at=one.resolved_at, pages=delivered.get(one.id, 0),
            )
            for one in found
        )  # fmt: skip

    def first_pages(self, incidents: Sequence[str]) -> dict[str, datetime]:
        """When the first page of each incident was delivered; those of which none was are left out."""
        rows = self._rows(incident_queries.FIRST_PAGES, incidents=list(incidents)) if incidents else ()
        return dict(rows)

    def responses(self, since: datetime, limit: int = ROWS_MAX) -> tuple[Said, ...]:
        """What people asked for since then, the newest first."""
        rows = self._rows(incident_queries.RESPONSES, since=to_ms(since), limit=limit)
        return tuple(incident_queries.said_of(row) for row in rows)

    def deliveries(
        self, since: datetime, limit: int = 100, *, destination: str = "", kinds: Sequence[str] = ()
    ) -> tuple[DeliveryRow, ...]:
        """Pages whose first try came since then, what is dead first, then the newest; all, or those of some."""
        of = {"destination": destination, "kinds": list(kinds)}
        rows = self._rows(delivery_queries.DELIVERIES, since=to_ms(since), limit=min(limit, ROWS_MAX), **of)
        return tuple(map(delivery_queries.delivery_of, rows))

    def destinations(self, since: datetime) -> tuple[DestinationLine, ...]:
        """How each destination was told of what was tried first since then."""
        rows = self._rows(delivery_queries.BY_DESTINATION, since=to_ms(since))
        return tuple(map(delivery_queries.destination_of, rows))

    def history_progress(self) -> HistoryProgress | None:
        """The latest bulk load; None when there never was one."""
        rows = self._rows(history_loads.LATEST)
        return HistoryProgress(*rows[0]) if rows else None

    def migrations(self) -> dict[int, str]:
        """The number and fingerprint of every migration applied; none when there is no database yet."""
        there = self._rows(
            "SELECT count() FROM system.tables WHERE database = {name:String} AND name = 'schema_versions'",
            name=self._store.database,
        )
        if not there[0][0]:
            return {}
        return {int(version): md5 for version, md5 in self._rows("SELECT version, md5 FROM {database}.schema_versions")}

    def _incidents(
        self,
        *,
        id: str = "",
        open: bool = False,
        limit: int = ROWS_MAX,
        since: datetime = EPOCH,
        provider: str = "",
        until: datetime = FAR,
        lasting: bool = False,
    ) -> tuple[IncidentRow, ...]:
        rows = self._rows(
            incident_queries.INCIDENTS,
            incident=id,
            open=int(open),
            limit=min(limit, ROWS_MAX),
            since=to_ms(since),
            provider=provider,
            until=to_ms(until),
            lasting=int(lasting),
        )
        return tuple(incident_queries.incident_of(row) for row in rows)


def _ended(one: IncidentRow) -> datetime:
    """When an incident that is not open ended."""
    return one.resolved_at or one.updated_at
