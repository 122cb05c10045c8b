"""What people say about incidents, decided on: acknowledged, closed, silenced, exercised."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from collector.judgement.causes import Sight
from collector.judgement.hard_down import Watch
from collector.judgement.incident_book import IncidentBook
from collector.judgement.reach import burns, within
from schemas.incident import (
    OVER,
    Acknowledged,
    Change,
    Evidence,
    Incident,
    IncidentState,
    Level,
    Scope,
    Signal,
)
from schemas.response import (
    Acknowledge,
    Claim,
    Close,
    Command,
    Exercise,
    Suppress,
    Unacknowledge,
    Unsuppress,
    drill_id,
)


def answered(command: Command, book: IncidentBook, sight: Sight) -> tuple[str, Sight]:
    """Do what somebody asks: '' when it is done, else why it is not; and what is seen after it."""
    match command:
        case Suppress():
            book.suppressions[command.suppression.id] = command.suppression
            return "", sight
        case Unsuppress():
            known = book.suppressions.pop(command.suppression, None)
            return "" if known else f"no silence or maintenance window has the id {command.suppression!r}", sight
        case Exercise():
            _exercise(command, book)
            return "", sight
        case Claim():
            return "", _claimed(command, book, sight)
    incident = book.incidents.get(command.incident)
    if incident is None or incident.state in OVER:
        part = f"; it is part of {incident.parent}" if incident and incident.state is IncidentState.CHILD else ""
        return f"no open incident has the id {command.incident!r}{part}", sight
    match command:
        case Acknowledge():
            _acknowledge(incident, command, book)
        case Unacknowledge():
            if incident.acknowledged is None:
                return f"{incident.id} is acknowledged by nobody", sight
            book.lapse(incident, f"taken back by {command.by} ({command.via})")
        case Close():
            book.resolve(incident, f"closed by {command.by} ({command.via}): {command.why}")
            return "", _without(incident, sight)
    return "", sight


def _acknowledge(incident: Incident, command: Acknowledge, book: IncidentBook) -> None:
    until = book.now + timedelta(seconds=book.paging.acknowledgement.lasts)
    said = Acknowledged(command.by, command.via, book.now, until)
    state = IncidentState.ACKED if incident.state is IncidentState.OPEN else incident.state
    acked = book.record(
        replace(incident, acknowledged=said, state=state, escalated=0),
        Change.ACKNOWLEDGED,
        f"by {command.by} ({command.via}), until {until:%H:%M:%S} UTC",
    )
    book.page(acked, Change.ACKNOWLEDGED)


def _claimed(command: Claim, book: IncidentBook, sight: Sight) -> Sight:
    """The deadline of what was claimed is kept: its incident is over, and none comes again."""
    said = f"claim {command.standing} by {command.by} ({command.via})" + (f": {command.why}" if command.why else "")
    for incident in book.live:
        if incident.signal is Signal.CLAIM_DUE and incident.scope.id == command.key:
            book.resolve(incident, said)
    claims = {key: replace(one, settled=one.settled or key == command.key) for key, one in sight.claims.items()}
    return replace(sight, claims=claims)


def _exercise(command: Exercise, book: IncidentBook) -> None:
    id = drill_id(command)
    if id in book.incidents:
        return
    incident = Incident(
        id=id, signal=Signal.DRILL, scope=Scope(Level.OBSERVER, "drill"), provider="",
        severity=book.paging.severities.provider_down, state=IncidentState.OPEN, reason="drill",
        rule=f"asked for by {command.by} ({command.via})", failed_at=book.now, opened_at=book.now,
        updated_at=book.now, only=command.destinations,
        evidence=Evidence(certainty="an exercise: nothing is broken"),
    )  # fmt: skip
    book.page(book.record(incident, Change.OPENED, incident.rule), Change.OPENED)


def _without(incident: Incident, sight: Sight) -> Sight:
    """What is seen once what ailed in *incident* is forgotten, so that only new evidence opens it again."""
    return replace(
        sight,
        watches={key: watch for key, watch in sight.watches.items() if not _ails(incident, key, watch, sight)},
        burning={key: one for key, one in sight.burning.items() if not burns(incident, one)},
        claims={
            key: replace(one, settled=one.settled or (incident.signal is Signal.CLAIM_DUE and key == incident.scope.id))
            for key, one in sight.claims.items()
        },
    )


def _ails(incident: Incident, key: str, watch: Watch, sight: Sight) -> bool:
    return (watch.down or key in sight.silence.stale) and within(watch, incident.scope)
