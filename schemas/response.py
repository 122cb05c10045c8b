"""What people say about incidents: acknowledgements, silences, maintenance windows, drills."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from uuid import uuid5
from zoneinfo import ZoneInfo

from schemas.incident import Level, Scope, Signal, incident_id
from schemas.tick import NAMESPACE


class SuppressionKind(StrEnum):
    """A silence is said in the moment; a maintenance window is planned."""

    SILENCE = "silence"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """
    Holds the pages of incidents inside its scope, never their record and never their end.

    scope is a pattern over scope ids (`acme`, `acme/us-east`, `acme/*`, `*`): it covers what it matches and everything
    below. It holds from *starts* for *lasts*; with *every* it comes again at the same local time of *zone*, until
    *expires*, which every suppression has, as it has an owner.
    """

    id: str
    kind: SuppressionKind
    scope: str
    owner: str
    why: str
    starts: datetime
    lasts: timedelta
    expires: datetime
    every: timedelta | None = None
    zone: str = "UTC"

    def covers(self, scope: Scope) -> bool:
        """Whether an incident about *scope* is inside; an observer's or a contract's only by its own name or `*`."""
        if scope.level in {Level.OBSERVER, Level.CONTRACT}:
            return fnmatchcase(scope.id, self.scope)
        parts = scope.id.split("/")
        return any(fnmatchcase("/".join(parts[:end]), self.scope) for end in range(1, len(parts) + 1))

    def active(self, now: datetime) -> bool:
        """Whether it holds pages at *now*."""
        if not self.starts <= now < self.expires:
            return False
        return now < self._last_start(now) + self.lasts

    def _last_start(self, now: datetime) -> datetime:
        if self.every is None:
            return self.starts
        zone = ZoneInfo(self.zone)
        first, local = self.starts.astimezone(zone).replace(tzinfo=None), now.astimezone(zone).replace(tzinfo=None)
        began = first + (local - first) // self.every * self.every
        return began.replace(tzinfo=zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Somebody has the incident."""

    incident: str
    by: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unacknowledge:
    """Nobody has it any more."""

    incident: str
    by: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """A human says that the incident is over, whatever the evidence: of what is watched no more, or never was one."""

    incident: str
    by: str
    via: str
    why: str


class ClaimStanding(StrEnum):
    """How a claim of service credits stands."""

    FILED = "filed"
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    A credit of *provider* was claimed, or the provider answered; *key* names its month, commitment and unit.

    amount: what was granted, in the contract's currency.
    """

    provider: str
    key: str
    standing: ClaimStanding
    by: str
    via: str
    amount: Decimal | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress:
    """A silence or a window begins to count."""

    suppression: Suppression
    by: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsuppress:
    """A silence or a window counts no more."""

    suppression: str
    by: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """
    A drill: a marked P0 through the real path, to *destinations*, or to the route of P0 when there are none.

    Two with the same *at* and *by* are one, so that two collectors with one plan drill once.
    """

    by: str
    via: str
    at: datetime
    destinations: tuple[str, ...] = ()


def drill_id(exercise: Exercise) -> str:
    """The id of the incident that *exercise* makes."""
    return incident_id(Signal.DRILL, Scope(Level.OBSERVER, exercise.by), exercise.at)


Command = Acknowledge | Unacknowledge | Close | Claim | Suppress | Unsuppress | Exercise


def suppression_id(kind: SuppressionKind, scope: str, owner: str, starts: datetime) -> str:
    """The id of a suppression, derived: saying the same twice is saying it once."""
    derived = uuid5(NAMESPACE, f"suppression|{kind}|{scope}|{owner}|{starts.isoformat()}")
    return f"sup-{derived.hex[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """
    One thing that somebody asked for: the line of the audit.

    subject is the id of an incident or a suppression, or the key of a claim; scope what a suppression covers, or whom a
    claim is made of, '' for all else. refused: '' when it was done, else why it was not. amount: what was granted.
    """

    at: datetime
    what: str  # acknowledge, unacknowledge, close, silence, maintenance, end, drill, claim_filed and its answers
    subject: str
    scope: str
    by: str
    via: str
    why: str
    refused: str
    amount: Decimal | None = None

    @property
    def id(self) -> str:
        """The line's own name, derived."""
        return uuid5(NAMESPACE, f"said|{self.at.isoformat()}|{self.what}|{self.subject}|{self.by}|{self.via}").hex


CLAIM = "claim_"  # before how it stands


def said(command: Command, refused: str, at: datetime) -> Said:
    """The line of *command*, which was decided on at *at*."""
    what, subject, scope, why = _told(command)
    return Said(
        at=at, what=what, subject=subject, scope=scope, by=command.by, via=command.via, why=why, refused=refused,
        amount=command.amount if isinstance(command, Claim) else None,
    )  # fmt: skip


def _told(command: Command) -> tuple[str, str, str, str]:
    match command:
        case Acknowledge():
            return "acknowledge", command.incident, "", ""
        case Unacknowledge():
            return "unacknowledge", command.incident, "", ""
        case Close():
            return "close", command.incident, "", command.why
        case Claim():
            return f"{CLAIM}{command.standing}", command.key, command.provider, command.why
        case Suppress():
            one = command.suppression
            span = f"from {one.starts.isoformat()} for {one.lasts}, until {one.expires.isoformat()}"
            again = f", every {one.every} ({one.zone})" if one.every else ""
            return one.kind.value, one.id, one.scope, f"{one.why} ({span}{again}; {one.owner} owns it)"
        case Unsuppress():
            return "end", command.suppression, "", ""
        case Exercise():
            return "drill", drill_id(command), "", ", ".join(command.destinations)
