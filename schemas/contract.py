"""
Contracts (SLA) as data: what a provider promised, how its downtime is counted, what it owes, and until when to claim.

Shares are written with a percent sign and kept as exact decimals (`99.9%` is Decimal("0.999")). Days and months are
those of the contract's own time zone.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from schemas.fleet import Currency, Money, Name, Strict, Text, Url
from schemas.observation import BLAME, DEGRADED_REASONS, Blame, Reason
from schemas.quantity import DurationS, parse_percent
from schemas.time_zone import TimeZone

Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Clause = Annotated[str, StringConstraints(max_length=4000)]


def said(share: Decimal) -> str:
    """*share* as people write it: `99.9%`."""
    return f"{(share * 100).normalize():f}%"


Percent = Annotated[
    Decimal,
    BeforeValidator(parse_percent),
    PlainSerializer(said, when_used="json"),
    Field(ge=0, le=1, max_digits=12),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$", "description": "a percentage: 99.9%"}),
]


def _of_the_provider(reason: Reason) -> Reason:
    """*reason*, when a request that failed for it can be counted against a provider, or left out."""
    if reason in DEGRADED_REASONS or BLAME[reason] is Blame.OBSERVER:
        raise ValueError(f"{reason} is no failure of a request")
    return reason


Failure = Annotated[Reason, AfterValidator(_of_the_provider)]


def _with_known_signs(pattern: str) -> str:
    """*pattern*, when it has no signs but * and ?."""
    if "[" in pattern:
        raise ValueError(f"{pattern!r} holds [: a pattern of targets knows * and ? only")
    return pattern


TargetPattern = Annotated[Text, AfterValidator(_with_known_signs)]


class Source(Strict):
    """Where the terms were read, and what of them was not."""

    title: Text
    url: Url | None = None
    read: date | None = None
    note: Clause = ""


class MeanOfIntervals(Strict):
    """Uptime is the mean over intervals of the share of requests that did not fail; one without requests is up."""

    kind: Literal["mean_of_intervals"]
    interval: Annotated[DurationS, Field(ge=60, le=86400)] = 300.0


class DowntimeMinutes(Strict):
    """A minute is down when more than *error_rate* of its requests fail; *run* such minutes on end make downtime."""

    kind: Literal["downtime_minutes"]
    error_rate: Percent = Decimal(0)
    run: Annotated[int, Field(ge=1, le=1440)] = 1


class RequestRatio(Strict):
    """Uptime is the share of the month's requests that did not fail."""

    kind: Literal["request_ratio"]


class LatencyAttainment(Strict):
    """
    Attained is what had its first token within *first_token*: the share of answers, or of intervals.

    An interval attains when at least *share* of its answers did; one without answers does.
    """

    kind: Literal["latency_attainment"]
    first_token: DurationS
    of: Literal["answers", "intervals"] = "answers"
    interval: Annotated[DurationS, Field(ge=60, le=86400)] = 300.0
    share: Percent = Decimal("0.95")


Formula = Annotated[MeanOfIntervals | DowntimeMinutes | RequestRatio | LatencyAttainment, Field(discriminator="kind")]


class Backoff(Strict):
    """After an error the next counts only *first* later, doubling with every error in a row, up to *longest*."""

    first: DurationS = 1.0
    longest: DurationS = 32.0


class Exclusions(Strict):
    """
    What the contract does not count as downtime.

    leave_out: reasons of failures that do not count though they are the provider's; also_count: those that do though
    they need not be (a refused quota). maintenance_notice: announced maintenance that was announced that long before;
    null when maintenance counts as downtime.
    """

    leave_out: tuple[Failure, ...] = ()
    also_count: tuple[Failure, ...] = ()
    maintenance_notice: DurationS | None = None
    backoff: Backoff | None = None


class Step(Strict):
    """A step of the ladder: from *at_least* up to *below*, that share of the month's bill is credited."""

    at_least: Percent
    below: Percent
    credit: Percent


class Credits(Strict):
    """
    What is credited: the ladder, the best step first, without gaps or overlaps; at most *cap* of the month's bill.

    A credit below *minimum* is not paid.
    """

    ladder: tuple[Step, ...] = Field(min_length=1, max_length=20)
    cap: Percent = Decimal(1)
    minimum: Money = Decimal(0)

    @model_validator(mode="after")
    def _steps_join(self) -> Self:
        for step in self.ladder:
            if step.at_least >= step.below:
                raise ValueError(f"the step below {said(step.below)} begins at {said(step.at_least)}: it is empty")
        for above, step in pairwise(self.ladder):
            if step.below < above.at_least:
                raise ValueError(
                    f"a gap: nothing is said from {said(step.below)} up to {said(above.at_least)}; write a step for it"
                )
            if step.below > above.at_least:
                raise ValueError(
                    f"an overlap: two steps hold from {said(above.at_least)} up to {said(step.below)}, "
                    "or the steps are not in order, the best first"
                )
            if step.credit <= above.credit:
                raise ValueError(f"the step below {said(step.below)} credits no more than the one above it")
        if self.ladder[-1].at_least != 0:
            raise ValueError(f"a gap: nothing is said below {said(self.ladder[-1].at_least)}; write a step from 0%")
        return self


class Spend(Strict):
    """What is paid: *month* for each unit unless *units* says otherwise; *billed*: what bills of past months said."""

    month: Money
    units: dict[str, Money] = Field(default_factory=dict, max_length=1000)
    billed: dict[Month, dict[str, Money]] = Field(default_factory=dict, max_length=240)

    def of(self, month: str, unit: str) -> Decimal:
        """The bill of *unit* in *month*."""
        return self.billed.get(month, {}).get(unit, self.units.get(unit, self.month))


class Commitment(Strict):
    """
    One promise: of what it covers, how much uptime by which formula, and what is credited.

    covers are patterns of target ids; each unit (*per*) is counted by itself.
    """

    name: Name
    covers: tuple[TargetPattern, ...] = Field(default=("*",), min_length=1, max_length=100)
    per: Literal["provider", "region", "cluster", "target"] = "provider"
    promised: Percent
    formula: Formula
    exclusions: Exclusions = Exclusions()
    credits: Credits | None = Field(default=None, description="null: a promise without credits")
    spend: Spend = Spend(month=Decimal(0))

    @model_validator(mode="after")
    def _the_ladder_begins_at_the_promise(self) -> Self:
        if self.credits is not None and self.credits.ladder[0].below != self.promised:
            top = said(self.credits.ladder[0].below)
            raise ValueError(f"promised is {said(self.promised)}, but the ladder begins below {top}")
        return self


class Claim(Strict):
    """
    How a credit is claimed: within *days* or *months* after the outage's day or the billing month, or it is forfeited.

    After a month, *months* are billing months: 2 is the end of the second one that follows. *evidence* is what the
    contract asks for.
    """

    days: Annotated[int, Field(ge=1, le=730)] | None = None
    months: Annotated[int, Field(ge=1, le=24)] | None = None
    after: Literal["outage", "month"] = "month"
    to: Text = ""
    subject: Text = ""
    evidence: tuple[Text, ...] = ()
    clause: Clause = ""

    @model_validator(mode="after")
    def _one_period(self) -> Self:
        if (self.days is None) == (self.months is None):
            raise ValueError("give days or months, and not both")
        if self.months is not None and self.after == "outage":
            raise ValueError("months are billing months: write after: month, or give days")
        return self


class Commit(Strict):
    """What was bought: GPUs for a term, at a price by GPU and hour; *upfront* of it was paid at the beginning."""

    gpus: Annotated[int, Field(ge=1, le=10_000_000)]
    gpu_hour: Money
    months: Annotated[int, Field(ge=1, le=240)]
    upfront: Percent = Decimal(0)


class Terms(Strict):
    """A version of a contract, in force from the day *begins* up to the day *ends*, which is not in it any more."""

    begins: date
    ends: date | None = None
    source: Source
    time_zone: TimeZone = "UTC"
    month_begins: Annotated[int, Field(ge=1, le=28)] = 1
    currency: Currency = "USD"
    commitments: tuple[Commitment, ...] = Field(min_length=1, max_length=100)
    claim: Claim | None = None
    notice: DurationS | None = Field(
        default=None, description="an outage that is reported later than this does not count"
    )
    commit: Commit | None = None

    @model_validator(mode="after")
    def _commitments_are_told_apart(self) -> Self:
        names = [one.name for one in self.commitments]
        if double := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two commitments are called {double!r}; give each a name of its own")
        if self.ends is not None and self.ends <= self.begins:
            raise ValueError("ends is not after begins")
        return self


class Announced(Strict):
    """Maintenance that the provider announced, or a time that both sides agreed to leave out (*agreed*)."""

    begins: AwareDatetime
    ends: AwareDatetime
    announced: AwareDatetime
    covers: tuple[TargetPattern, ...] = ("*",)
    agreed: bool = False
    what: Text = ""

    @model_validator(mode="after")
    def _it_lasts(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("ends is not after begins")
        return self

    def notice_s(self) -> float:
        """How long before its beginning it was announced, in s."""
        begins: datetime = self.begins
        return (begins - self.announced).total_seconds()


class Contract(Strict):
    """The contract with one provider: its versions, the oldest first, and what was announced under them."""

    name: Text = ""
    versions: tuple[Terms, ...] = Field(min_length=1, max_length=100)
    announced: tuple[Announced, ...] = Field(default=(), max_length=10_000)

    @model_validator(mode="after")
    def _versions_follow_each_other(self) -> Self:
        for before, after in pairwise(self.versions):
            if before.ends is None or before.ends > after.begins:
                raise ValueError(
                    f"the version from {after.begins} begins before the one from {before.begins} ends; "
                    "write the oldest first, each with its end"
                )
        return self

    def in_force(self, day: date) -> Terms | None:
        """The version in force on *day*."""
        held = (one for one in self.versions if one.begins <= day and (one.ends is None or day < one.ends))
        return next(held, None)


class Contracts(Strict):
    """Contracts by provider, as merged from every file."""

    contracts: dict[Name, Contract] = Field(default_factory=dict)
