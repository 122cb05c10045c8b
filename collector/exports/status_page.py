"""A public status page: how every provider fares and fared, as one HTML file that asks for nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.exports import page
from collector.exports.card_tables import instant
from collector.exports.page import text
from collector.exports.scorecard import BAR_DAYS
from collector.judgement.day_marks import Day
from collector.judgement.wording import TIER_SIGN, duration
from schemas.incident import Level
from schemas.verdict import Tier

STALE = timedelta(hours=1)  # without a usable observation, nobody can say how something is
PAST_MAX = 100
TITLE = "Status of our GPU clouds"


class State(StrEnum):
    """How a provider is, as far as incidents say."""

    FINE = "no open incident"
    PARTIAL = "an open incident"
    DOWN = "down"
    UNKNOWN = "not observed"


_LOOK = {State.FINE: "good", State.PARTIAL: "minor", State.DOWN: "severe", State.UNKNOWN: "dim"}
_SIGN = {State.FINE: "●", State.PARTIAL: "▲", State.DOWN: "■", State.UNKNOWN: "○"}


@dataclass(frozen=True, slots=True)
class PublicIncident:
    """What the public is told of an incident: *what* is the provider or a part of it; *over* None while it is open."""

    provider: str
    level: Level
    severity: str
    what: str
    reason: str
    failed_at: datetime
    over: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """One provider: its tier (None before the first verdict), its last days, and when it was observed last."""

    provider: str
    name: str
    tier: Tier | None
    days: tuple[Day, ...]
    observed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPage:
    """Everything on the page, as it was known at *at*; incidents the newest first."""

    at: datetime
    providers: tuple[ProviderStatus, ...]
    incidents: tuple[PublicIncident, ...]
    simulated: bool

    @property
    def observed_at(self) -> datetime | None:
        """When anything was observed last."""
        return max((one.observed_at for one in self.providers if one.observed_at), default=None)

    def state(self, one: ProviderStatus) -> State:
        """How *one* is: an open incident says more than silence does, and silence is never well."""
        still = [incident for incident in self.incidents if incident.provider == one.provider and not incident.over]
        if any(incident.level is Level.PROVIDER for incident in still):
            return State.DOWN
        if still:
            return State.PARTIAL
        return State.UNKNOWN if one.observed_at is None or self.at - one.observed_at > STALE else State.FINE


def render(status: StatusPage, *, tiers: bool) -> str:
    """The page that ends in a newline; without *tiers* it says the state of each provider only."""
    still = [one for one in status.incidents if one.over is None]
    past = [one for one in status.incidents if one.over is not None]
    body = (
        f"<main>\n{_head(status)}\n<h2>Open incidents</h2>{_incidents(still, status.at, 'None.')}\n"
        f"<h2>Providers</h2>{''.join(_lane(status, one, tiers) for one in status.providers)}{page.legend(BAR_DAYS)}\n"
        f"<h2>Past incidents</h2>{_incidents(past[:PAST_MAX], status.at, f'None in {BAR_DAYS} days.')}{_more(past)}\n"
        f"{_foot(tiers)}\n</main>"
    )
    return page.document(TITLE, body)


def _head(status: StatusPage) -> str:
    simulated = '<p class="notice">Simulated data: these clouds do not exist.</p>' if status.simulated else ""
    return (
        f"<header><small>Touchstone</small><h1>{TITLE}</h1>{simulated}{_stale(status)}"
        f'<p class="dim">As of <b>{instant(status.at)}</b>. This page is a copy that does not change by itself: '
        "once it is older than an hour, it says nothing of now.</p></header>"
    )


def _stale(status: StatusPage) -> str:
    """Said when nothing was observed for a while before the page's own time."""
    last = status.observed_at
    if last is not None and status.at - last <= STALE:
        return ""
    since = f"after {instant(last)}, {duration(status.at - last)} before this page" if last else f"in {BAR_DAYS} days"
    return f'<p class="notice">Nothing was observed {since}: how the providers are now is not known.</p>'


def _lane(status: StatusPage, one: ProviderStatus, tiers: bool) -> str:
    state = status.state(one)
    said = f'<small class="{_LOOK[state]}">{_SIGN[state]} {state.value}</small>'
    tier = f" {page.badge(one.tier or Tier.UNRATED)}" if tiers else ""
    figure = f"<small>{text(page.answered(one.days))}</small>"
    return (
        f'<div class="lane"><div><b>{text(one.name or one.provider)}</b>{tier}{said}{figure}</div>'
        f"{page.bars(one.days)}</div>\n"
    )


def _incidents(several: Sequence[PublicIncident], at: datetime, nothing: str) -> str:
    if not several:
        return f"<p>{nothing}</p>"
    rows = (
        (
            one.severity,
            one.what,
            one.reason.replace("_", " "),
            instant(one.failed_at),
            f"open for {duration(at - one.failed_at)}" if one.over is None else duration(one.over - one.failed_at),
        )
        for one in several
    )
    return page.table(("Severity", "What", "Reason", "First failure", "Lasted"), rows)


def _more(past: Sequence[PublicIncident]) -> str:
    return f"<p>The newest {PAST_MAX} of {len(past)}.</p>" if len(past) > PAST_MAX else ""


def _foot(tiers: bool) -> str:
    signs = ", ".join(f"{TIER_SIGN[tier]} {tier.value}" for tier in Tier)
    rule = (
        f"Tiers ({signs}) are judged on the confidence bounds of what our own probes saw over 30 days or more. "
        if tiers
        else ""
    )
    return (
        f"<footer>{rule}A bar is a UTC day, drawn by the share of our probes of that day that failed by the provider's "
        "fault; what we could not observe is grey, and never good. An incident lasts from the first failure to the "
        "proven recovery. Percentages are rounded down.</footer>"
    )


def told(incidents: Iterable[PublicIncident]) -> tuple[PublicIncident, ...]:
    """*incidents* in the order of the page."""
    return tuple(sorted(incidents, key=lambda one: (one.failed_at, one.what), reverse=True))
