"""The incidents while one decision is made: every change leaves its transition, and what is said of it its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from collector.judgement.incident_words import summary
from schemas.incident import OVER, Change, Incident, IncidentState, PageIntent, Scope, Signal, Transition
from schemas.page import CLOSING
from schemas.paging import Paging
from schemas.response import Suppression

FLIPS = frozenset({Change.OPENED, Change.REOPENED, Change.RELAPSED, Change.RECOVERING, Change.RESOLVED})


class IncidentBook:
    """What there is at *now*, and what changes; `changed` has the incidents that did."""

    def __init__(
        self,
        incidents: Mapping[str, Incident],
        suppressions: Mapping[str, Suppression],
        paging: Paging,
        now: datetime,
    ) -> None:
        self.paging, self.now = paging, now
        self.suppressions = {id: one for id, one in suppressions.items() if one.expires > now}
        self.incidents: dict[str, Incident] = dict(incidents)
        self.changed: dict[str, Incident] = {}
        self.transitions: list[Transition] = []
        self.intents: list[PageIntent] = []

    @property
    def live(self) -> list[Incident]:
        """Those that go on by themselves: neither over nor part of another."""
        return [incident for incident in self.incidents.values() if incident.state not in OVER]

    def keep(self, incident: Incident) -> None:
        """Words or numbers of *incident* are other than before; that is no change of it."""
        self.incidents[incident.id] = incident

    def forget(self, incident: Incident) -> None:
        """It has been over for so long that nothing can come of it any more."""
        del self.incidents[incident.id]

    def record(self, incident: Incident, change: Change, cause: str) -> Incident:
        """*change*, with its transition; too many of them within the window make it flapping."""
        recorded = replace(incident, seq=incident.seq + 1, updated_at=self.now)
        if change in FLIPS and incident.signal is not Signal.DRILL:
            window = timedelta(seconds=self.paging.flapping.window)
            recorded = replace(recorded, flips=(*(at for at in incident.flips if self.now - at <= window), self.now))
        self.incidents[recorded.id] = self.changed[recorded.id] = recorded
        self.transitions.append(
            Transition(
                incident=recorded.id,
                seq=recorded.seq,
                change=change,
                state=recorded.state,
                severity=recorded.severity,
                scope=recorded.scope,
                cause=cause,
                at=self.now,
            )
        )
        many = len(recorded.flips) > self.paging.flapping.changes
        if many and not recorded.flapping and recorded.state not in OVER:
            said = f"{len(recorded.flips)} changes within {self.paging.flapping.window:g} s"
            return self.record(replace(recorded, flapping=True), Change.FLAPPING, said)
        return recorded

    def page(self, incident: Incident, change: Change, only: tuple[str, ...] = ()) -> Incident:
        """Say *change*, unless it is held back: by a silence, by flapping, or because its opening never was said."""
        if change in CLOSING and not incident.told:
            return incident
        if incident.suppressed_by and change not in CLOSING:
            return incident
        if incident.flapping and incident.told and change in {Change.REOPENED, Change.PROMOTED}:
            return incident
        self.intents.append(
            PageIntent(
                incident=incident.id,
                seq=incident.seq,
                change=change,
                signal=incident.signal,
                severity=incident.severity,
                provider=incident.provider,
                scope=incident.scope,
                state=incident.state,
                summary=summary(incident, change),
                reason=incident.reason,
                rule=incident.rule,
                failed_at=incident.failed_at,
                opened_at=incident.opened_at,
                at=self.now,
                resolved_at=incident.resolved_at,
                evidence=incident.evidence,
                acknowledged_by=incident.acknowledged.by if incident.acknowledged else "",
                step=incident.escalated,
                only=only or incident.only,
            )
        )
        said = replace(incident, told=True, ladder_from=incident.ladder_from or self.now)
        self.incidents[incident.id] = self.changed[incident.id] = said
        return said

    def lapse(self, incident: Incident, why: str) -> None:
        """Nobody has it any more, and its ladder begins anew."""
        self.record(unheld(incident, self.now), Change.LAPSED, why)

    def resolve(self, incident: Incident, why: str) -> None:
        """It is over; one that was never said is said and ended in the same breath."""
        was_child = incident.state is IncidentState.CHILD
        if not was_child and not incident.told:
            incident = self.page(incident, Change.OPENED)
        over = replace(
            incident, state=IncidentState.RESOLVED, resolved_at=self.now, flapping=False, blind=False,
            suppressed_by="", acknowledged=None,
        )  # fmt: skip
        resolved = self.record(over, Change.RESOLVED, why)
        if not was_child:
            self.page(resolved, Change.RESOLVED)

    def holder(self, scope: Scope) -> Suppression | None:
        """The silence or window that holds pages about *scope* now."""
        held = (one for _, one in sorted(self.suppressions.items()) if one.active(self.now) and one.covers(scope))
        return next(held, None)


def unheld(incident: Incident, now: datetime) -> Incident:
    """*incident*, but nobody has it any more."""
    state = IncidentState.OPEN if incident.state is IncidentState.ACKED else incident.state
    return replace(incident, acknowledged=None, state=state, ladder_from=now, escalated=0)
