"""The settings of paging: what is an incident, how bad it is, who hears of it, and when more people do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, model_validator

from schemas.destinations import Destination
from schemas.fleet import Name, Strict, Url
from schemas.incident import Severity, Signal
from schemas.quantity import DurationS, Ratio
from schemas.time_zone import TimeZone


class HardDownRule(Strict):
    """When a target is hard down, when causes are joined, and when it is over."""

    failures: Annotated[int, Field(ge=2, le=20)] = 3
    siblings_share: Ratio = 0.5
    siblings_min: Annotated[int, Field(ge=2)] = 2
    siblings_window: DurationS = 60.0
    coalesce: DurationS = 1.0
    successes: Annotated[int, Field(ge=1, le=20)] = 3
    cooldown: DurationS = 600.0
    observer_providers_share: Ratio = 0.5
    quorum_wait: DurationS = Field(
        default=5.0,
        description="how long one vantage's failures wait for what the other vantages say, and the first pages of "
        "several clusters for what the provider's other clusters do",
    )


class SilenceRule(Strict):
    """When missing data is an incident of our own: no usable observation for so many intervals of a subject."""

    intervals: Annotated[int, Field(ge=2, le=100)] = 3
    at_least: DurationS = Field(default=30.0, description="and for so long, whatever the interval")


class FlapRule(Strict):
    """
    When an incident is flapping: more than *changes* openings and recoveries within *window*.

    It is said again how it stands once nothing has changed for *calm*.
    """

    changes: Annotated[int, Field(ge=2, le=100)] = 4
    window: DurationS = 900.0
    calm: DurationS = 300.0


class SeverityPolicy(Strict):
    """How bad each cause is."""

    provider_down: Severity = Severity.P0
    cluster_down: Severity = Severity.P1
    target_down: Severity = Severity.P2
    observer: Severity = Field(default=Severity.P1, description="our own vantage cannot see the providers")
    no_data: Severity = Field(default=Severity.P1, description="nothing usable comes from a vantage")
    blind_spots: Severity = Field(default=Severity.P2, description="nothing usable comes of some of its subjects")
    error_burn: Severity = Field(default=Severity.P1, description="the error budget burns fast")
    latency_burn: Severity = Field(default=Severity.P2, description="the latency budget burns fast")
    slow_burn: Severity = Field(default=Severity.P3, description="a budget burns slowly")
    claim_due: Severity = Field(default=Severity.P3, description="a credit can be claimed, from a day on")
    claim_half: Severity = Field(default=Severity.P2, description="half of the time to claim it is gone")
    claim_last: Severity = Field(default=Severity.P1, description="four fifths of it are gone")


class EscalationStep(Strict):
    """Who else hears of an incident that nobody has acknowledged for so long."""

    after: DurationS
    to: tuple[Name, ...] = Field(min_length=1)
    severities: tuple[Severity, ...] = (Severity.P0, Severity.P1)


class Rota(Strict):
    """
    Who is on call: *members* (destinations) take turns of *turn*, the first from *starts*, a local time of *zone*.

    Turns of whole days hand over at the same local time all year.
    """

    starts: datetime
    turn: DurationS = 7 * 86400.0
    zone: TimeZone = "UTC"
    members: tuple[Name, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _local(self) -> Rota:
        if self.starts.tzinfo is not None:
            raise ValueError("starts is a local time of the zone: write it without an offset")
        return self

    def member_at(self, now: datetime) -> str:
        """Whose turn it is at *now* (aware); before the first turn, the first member's."""
        local = now.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        turns = int((local - self.starts).total_seconds() // self.turn)
        return self.members[max(turns, 0) % len(self.members)]


class Acknowledgement(Strict):
    """How long an acknowledgement holds back reminders and escalation."""

    lasts: DurationS = 1800.0


class Heartbeat(Strict):
    """A URL outside that is called only while we are well, so that somebody hears when we are not."""

    url: SecretStr | None = None
    url_file: str | None = None
    every: DurationS = 30.0
    timeout: DurationS = 5.0


class Drill(Strict):
    """A marked page through the real path, at an interval, to a destination for tests."""

    destination: Name
    every: DurationS = 3600.0


class DeliveryObjective(Strict):
    """Our own objective: so many pages are delivered so soon after their decision, by whichever backup."""

    share: Ratio = 0.999
    within: DurationS = 30.0
    window: DurationS = 30 * 86400.0

    @model_validator(mode="after")
    def _some_may_be_late(self) -> DeliveryObjective:
        if self.share >= 1:
            raise ValueError("share is 100%: then there is no budget, and one late page spends it for ever")
        return self


class Paging(Strict):
    """Who hears of what."""

    deployment: Name = "touchstone"
    dashboard_url: Url | None = Field(default=None, description="where people open the dashboard: links lead there")
    api_url: Url | None = Field(default=None, description="where people reach the collector: signed links lead there")
    link_secret: SecretStr | None = Field(
        default=None, description="signs the links to acknowledge; write ${ENV_NAME}, never the secret"
    )
    link_secret_file: str | None = None
    runbooks: dict[Signal | Literal["default"], Url] = Field(
        default_factory=dict, description="a page to follow, by what the incident is about"
    )
    destinations: dict[Name, Destination] = Field(default_factory=dict)
    rotas: dict[Name, Rota] = Field(default_factory=dict, description="a route may name one as it names a destination")
    routes: dict[Severity, tuple[Name, ...]] = Field(default_factory=dict)
    escalation: tuple[EscalationStep, ...] = ()
    backup_after: DurationS = Field(default=15.0, description="undelivered for so long, the backup is told as well")
    private_addresses: bool = Field(
        default=False, description="whether destinations may be at loopback, private or link-local addresses"
    )
    hard_down: HardDownRule = HardDownRule()
    silence: SilenceRule = SilenceRule()
    flapping: FlapRule = FlapRule()
    severities: SeverityPolicy = SeverityPolicy()
    acknowledgement: Acknowledgement = Acknowledgement()
    heartbeat: Heartbeat | None = None
    drill: Drill | None = None
    delivery: DeliveryObjective = DeliveryObjective()

    @model_validator(mode="after")
    def _everything_leads_somewhere(self) -> Paging:
        if both := sorted(self.destinations.keys() & self.rotas.keys()):
            raise ValueError(f"rotas.{both[0]}: a destination has this name already")
        for where, names, known in self._named():
            for name in names:
                if name not in known:
                    said = ", ".join(sorted(known)) or "none"
                    raise ValueError(f"{where}: no destination is called {name!r} (known: {said})")
        for name, destination in self.destinations.items():
            if destination.backup == name:
                raise ValueError(f"destinations.{name}.backup: a destination is no backup of itself")
        if [step.after for step in self.escalation] != sorted({step.after for step in self.escalation}):
            raise ValueError("escalation: each step comes later than the one before it")
        return self

    def _named(self) -> list[tuple[str, tuple[str, ...], set[str]]]:
        """Every place that names destinations: where, which, and what it may name."""
        plain = set(self.destinations)
        either = plain | set(self.rotas)
        return [
            *((f"routes.{severity}", names, either) for severity, names in self.routes.items()),
            *((f"rotas.{name}.members", rota.members, plain) for name, rota in self.rotas.items()),
            *((f"escalation[{i}].to", step.to, either) for i, step in enumerate(self.escalation)),
            *((f"destinations.{n}.backup", (d.backup,), plain) for n, d in self.destinations.items() if d.backup),
            *((("drill.destination", (self.drill.destination,), plain),) if self.drill else ()),
        ]

    def destinations_named(self, names: tuple[str, ...], now: datetime) -> frozenset[str]:
        """The destinations that *names* mean at *now*: a rota means whoever has the turn."""
        return frozenset(self.rotas[name].member_at(now) if name in self.rotas else name for name in names)

    def ladder(self, severity: Severity) -> tuple[EscalationStep, ...]:
        """The steps that an incident of *severity* climbs, in order."""
        return tuple(step for step in self.escalation if severity in step.severities)

    def runbook_of(self, signal: Signal) -> str | None:
        """What to follow for such an incident."""
        return self.runbooks.get(signal) or self.runbooks.get("default")
