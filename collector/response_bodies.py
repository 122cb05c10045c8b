"""What people send to respond to incidents, as JSON; every error names its field."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from schemas.fleet import Name, Strict
from schemas.quantity import DurationS
from schemas.response import (
    Acknowledge,
    Claim,
    ClaimStanding,
    Close,
    Exercise,
    Suppress,
    Suppression,
    SuppressionKind,
    Unacknowledge,
    suppression_id,
)

LASTS_S_MAX = 30 * 86400.0
EXPIRES_MAX = timedelta(days=400)
Person = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^\x00-\x1f]*$")
]
Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]*$")]
Pattern = Annotated[str, StringConstraints(max_length=200, pattern=r"^[a-z0-9*?][a-z0-9._*?/-]*$")]
ClaimKey = Annotated[
    str, StringConstraints(max_length=400, pattern=r"^\d{4}-\d\d[^/\x00-\x1f]*/[^/\x00-\x1f]+/[^\x00-\x1f]+$")
]
Via = Literal["api", "cli", "dashboard", "login"]


class By(Strict):
    """Who says it, and how we hear of it."""

    by: Person
    via: Via = "api"

    def acknowledge(self, incident: str) -> Acknowledge:
        """They have it."""
        return Acknowledge(incident=incident, by=self.by, via=self.via)

    def unacknowledge(self, incident: str) -> Unacknowledge:
        """They have it no more."""
        return Unacknowledge(incident=incident, by=self.by, via=self.via)


class Closing(By):
    """A human says that an incident is over."""

    why: Why

    def close(self, incident: str) -> Close:
        """It is over."""
        return Close(incident=incident, by=self.by, via=self.via, why=self.why)


class Claiming(By):
    """A credit was claimed, or the provider answered."""

    provider: Name
    key: ClaimKey
    standing: ClaimStanding
    amount: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)] | None = None
    why: Why | None = None

    @model_validator(mode="after")
    def _only_what_is_granted_has_an_amount(self) -> Claiming:
        if (self.amount is not None) != (self.standing is ClaimStanding.GRANTED):
            raise ValueError("amount: what was granted has one, and nothing else")
        return self

    def claim(self) -> Claim:
        """It stands so."""
        return Claim(
            provider=self.provider, key=self.key, standing=self.standing, by=self.by, via=self.via,
            amount=self.amount, why=self.why or "",
        )  # fmt: skip


class Drilling(By):
    """An exercise; without destinations it goes where a P0 goes."""

    destinations: tuple[Name, ...] = ()

    def exercise(self, at: datetime) -> Exercise:
        """The exercise at this instant."""
        return Exercise(by=self.by, via=self.via, at=at, destinations=self.destinations)


class Suppressing(By):
    """
    A silence or a maintenance window.

    *starts* is now when it is left out. *lasts* is of each window. *every* makes it come again, at the same local time
    of *zone*, until *expires*, which it then needs.
    """

    kind: SuppressionKind
    scope: Pattern
    why: Why
    lasts: DurationS
    starts: AwareDatetime | None = None
    every: DurationS | None = None
    expires: AwareDatetime | None = None
    zone: str = "UTC"
    owner: Person | None = Field(default=None, description="who answers for it; *by* when it is left out")

    @model_validator(mode="after")
    def _ends(self) -> Suppressing:
        if self.lasts > LASTS_S_MAX:
            raise ValueError(f"lasts: at most {LASTS_S_MAX / 86400:g} d")
        if self.every is not None and self.expires is None:
            raise ValueError("expires: a window that comes again needs an end")
        if self.every is not None and self.every <= self.lasts:
            raise ValueError("every: not longer than the window lasts; give one long window")
        if self.zone not in available_timezones():
            raise ValueError(f"zone: {self.zone!r} is no time zone; write one as Europe/Berlin, or UTC")
        return self

    def suppress(self, now: datetime) -> Suppress:
        """The command, said at *now*; raises ValueError when its times make no sense then."""
        starts = (self.starts or now).astimezone(ZoneInfo("UTC"))
        lasts = timedelta(seconds=self.lasts)
        expires = (self.expires or starts + lasts).astimezone(ZoneInfo("UTC"))
        if expires <= now:
            raise ValueError(f"expires: {expires:%Y-%m-%d %H:%M} UTC is over")
        if expires <= starts:
            raise ValueError("expires: before it starts")
        if expires - now > EXPIRES_MAX:
            raise ValueError(f"expires: more than {EXPIRES_MAX.days} days from now; nobody will remember")
        owner = self.owner or self.by
        suppression = Suppression(
            id=suppression_id(self.kind, self.scope, owner, starts), kind=self.kind, scope=self.scope, owner=owner,
            why=self.why, starts=starts, lasts=lasts, expires=expires,
            every=timedelta(seconds=self.every) if self.every else None, zone=self.zone,
        )  # fmt: skip
        return Suppress(suppression=suppression, by=self.by, via=self.via)
