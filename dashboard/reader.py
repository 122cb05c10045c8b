"""
Cached access to the store: one client for every session, bounded caches of a few seconds.

What is cached is frozen, and all sessions look at the same. A copy for each, as `st.cache_data` makes by unpickling,
took 20 ms of every page for ninety days of bars and 200 ms for ninety days of models. Nobody changes what a list or a
dictionary of these holds. What is out of date is shown once more, for as long again at most, and read anew meanwhile:
nobody waits for it, but for what somebody has just done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from collector import response_client
from collector.exports.scorecard import Scorecard
from collector.judgement.availability import Availability, availability
from collector.judgement.beside import Beside
from collector.judgement.capacity.report import CapacityReport, report
from collector.judgement.correlation.relations import Relations
from collector.judgement.double_standard import DoubleStandard
from collector.judgement.honesty.account import Honesty
from collector.judgement.integrity.findings import Examination
from collector.judgement.integrity.suspicion import Stage
from collector.judgement.sla.claim_record import ClaimRecord
from collector.judgement.sla.statement import Statement
from collector.judgement.tier_history import TierChange
from collector.judgement.value.comparison import Comparison, Terms, comparison
from collector.judgement.value.facts import ModelFacts
from collector.judgement.window import from_an_hour
from collector.scorecards import Terms as CardTerms
from collector.scorecards import card_at
from collector.storage.cluster_queries import EngineLine, TargetLine
from collector.storage.day_bars import DayBar
from collector.storage.delivery_queries import DeliveryRow, DestinationLine
from collector.storage.history_loads import HistoryProgress
from collector.storage.incident_queries import IncidentRow, IncidentStory
from collector.storage.monitor_queries import MonitorHealth
from collector.storage.queries import Freshness, Reader
from collector.storage.records import NotedConfiguration
from collector.storage.series_queries import ErrorPoint, LatencyPoint
from collector.vital_signs import VitalSigns
from dashboard.settings import page_settings as page_settings
from schemas.errors import DeliveryError
from schemas.verdict import Verdict

P = ParamSpec("P")
R = TypeVar("R")

FRESH_S = 5
STORY_S = 1  # somebody waits for what they did to show
ACT_S = 10.0  # for what somebody clicked
COLLECTOR_S = 3.0  # a page waits no longer for a collector that does not answer
CALM_S = 60  # what covers days changes slowly, and costs more
SLOW_S = 3600  # what is counted over a month of every provider
ENTRIES_MAX = 64
CHANGES_SHOWN = 20  # verdicts that changed a tier
RELATIONS_DAYS = 30
COUNTED_WITHIN = timedelta(days=1)  # the collector counts every hour
CAPACITY_WINDOW = timedelta(days=14)


def _remembered(ttl_s: float, *, entries: int = 1) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """What was read of the last *entries* arguments, for *ttl_s*, and as long again at most while it is read anew."""

    def remembering(read: Callable[P, R]) -> Callable[P, R]:
        kept = st.cache_resource(ttl=ttl_s, max_entries=entries, show_spinner=False, refresh_mode="background")
        return kept(read)

    return remembering


@st.cache_resource(show_spinner=False, max_entries=1)
def _reader() -> Reader:
    return Reader.open(page_settings().store)


@_remembered(FRESH_S)
def latest_verdicts() -> tuple[Verdict, ...]:
    """The last verdict on every provider."""
    return _reader().latest_verdicts()


@_remembered(CALM_S)
def tier_since() -> dict[str, datetime]:
    """Since when each provider is in its tier."""
    return _reader().tier_since()


@_remembered(CALM_S, entries=ENTRIES_MAX)
def tier_changes(provider: str) -> tuple[TierChange, ...]:
    """The last changes of a provider's tiers."""
    return _reader().tier_changes(provider, CHANGES_SHOWN)


@_remembered(CALM_S)
def suspicion_stages() -> dict[str, Stage]:
    """How far the suspicion of each provider has come."""
    return _reader().suspicion_stages()


@_remembered(CALM_S, entries=ENTRIES_MAX)
def examination(provider: str) -> Examination | None:
    """The last examination of a provider's claims; None before the first."""
    return next(iter(_reader().examinations(provider)), None)


@_remembered(FRESH_S)
def freshness() -> Freshness:
    """How new the facts are."""
    return _reader().freshness()


@_remembered(FRESH_S)
def open_incidents() -> tuple[tuple[IncidentRow, ...], dict[str, datetime]]:
    """What is broken now, and when the first page of each was delivered."""
    found = _reader().open_incidents()
    return found, _reader().first_pages([incident.id for incident in found])


@st.cache_resource(ttl=STORY_S, max_entries=ENTRIES_MAX, show_spinner=False)
def incident(id: str) -> IncidentStory | None:
    """One incident with everything that happened to it."""
    return _reader().incident(id)


def ask(path: str, body: dict[str, Any] | None = None, *, timeout_s: float = ACT_S) -> dict[str, Any]:
    """What the collector answers, never cached; raises DeliveryError."""
    settings = page_settings()
    return response_client.ask(settings.collector_url, settings.token, path, body, timeout_s=timeout_s)


@_remembered(CALM_S)
def statements() -> tuple[Statement, ...]:
    """Billing months as they were counted last, of those that are still counted."""
    return _reader().statements(freshness().now - COUNTED_WITHIN)


@_remembered(CALM_S)
def claims() -> dict[str, ClaimRecord]:
    """What was claimed and answered, by the key of its statement."""
    return _reader().claims()


@dataclass(frozen=True, slots=True)
class ModelWindow:
    """Every model at every provider over [start, at), as known at *at*."""

    start: datetime
    at: datetime
    facts: tuple[ModelFacts, ...]


@_remembered(CALM_S, entries=ENTRIES_MAX)
def model_facts(days: int) -> ModelWindow:
    """The last *days* UTC days, today included."""
    at = freshness().now
    start = at.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    return ModelWindow(start, at, _reader().model_facts(start, at, block_s=page_settings().policy.block))


@_remembered(CALM_S, entries=ENTRIES_MAX)
def compared(days: int, model: str, providers: tuple[str, ...]) -> Comparison:
    """One model at some providers, or at all, over `model_facts`."""
    window, settings = model_facts(days), page_settings()
    terms = Terms(
        prices=settings.prices,
        currencies=settings.currencies,
        bought=settings.bought,
        statements=statements() if settings.bought else (),
        claims=claims() if settings.bought else {},
        capital_rate=settings.capital_rate,
        confidence=settings.policy.confidence,
        n_min=settings.policy.observations_min,
    )
    return comparison(window.facts, terms, window.start, window.at, model=model, providers=providers)


@_remembered(CALM_S)
def capacity() -> CapacityReport:
    """The capacity of every cluster over the last days."""
    settings, at = page_settings(), _reader().now()
    start = from_an_hour(at, CAPACITY_WINDOW)
    facts = _reader().capacity(start, at)
    return report(settings.capacity, facts, start, at, confidence=settings.policy.confidence)


@st.cache_resource(ttl=FRESH_S, max_entries=1, show_spinner=False)
def suppressions() -> tuple[tuple[dict[str, Any], ...], str]:
    """Silences and windows as the collector holds them, and '' or why it cannot be asked."""
    try:
        document = ask("/api/v1/suppressions", timeout_s=COLLECTOR_S)
    except DeliveryError as error:
        return (), str(error)
    return tuple(document.get("suppressions", ())), ""


@_remembered(FRESH_S)
def history_progress() -> HistoryProgress | None:
    """How far the bulk load of a simulated past is."""
    return _reader().history_progress()


@_remembered(CALM_S)
def daily_bars() -> tuple[DayBar, ...]:
    """Ninety days of every cluster."""
    return _reader().daily_bars(90)


@_remembered(FRESH_S, entries=ENTRIES_MAX)
def recent_incidents(provider: str, limit: int) -> tuple[IncidentRow, ...]:
    """The last incidents of a provider."""
    return _reader().recent_incidents(limit, provider=provider)


@_remembered(FRESH_S, entries=ENTRIES_MAX)
def recent_observations(provider: str, limit: int, cluster: str = "") -> list[dict[str, Any]]:
    """The last observations of a provider, or of one cluster of it."""
    return _reader().recent_observations(provider, limit, cluster=cluster)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def latency_series(
    provider: str, start: datetime, end: datetime, points: int, cluster: str
) -> tuple[LatencyPoint, ...]:
    """Time to first token over a window."""
    return _reader().latency_series(provider, start, end, points=points, cluster=cluster)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def beside(provider: str, start: datetime, end: datetime, cluster: str) -> Beside:
    """Our probes of a provider beside real traffic over a window, with what came late."""
    confidence = page_settings().policy.confidence
    return _reader().beside(provider, start, end, confidence=confidence, cluster=cluster, as_known=False)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def double_standard(provider: str, start: datetime, end: datetime) -> DoubleStandard:
    """Whether a provider treats our probes better than real traffic, as known at the end of a window."""
    return _reader().double_standard(provider, start, end, confidence=page_settings().policy.confidence)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def any_traffic(provider: str, start: datetime, end: datetime) -> bool:
    """Whether any real traffic of a provider was seen over a window."""
    return _reader().any_traffic(provider, start, end)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def error_series(provider: str, start: datetime, end: datetime, points: int, cluster: str) -> tuple[ErrorPoint, ...]:
    """Errors by reason over a window."""
    return _reader().error_series(provider, start, end, points=points, cluster=cluster)


@_remembered(SLOW_S)
def relations() -> Relations:
    """How all providers stand to each other over the last days."""
    return _reader().relations(_reader().now(), RELATIONS_DAYS, {})


@_remembered(CALM_S, entries=ENTRIES_MAX)
def honesty(provider: str) -> Honesty:
    """What a provider's status page said over the last days, beside what we saw."""
    now = _reader().now()
    return _reader().honesty(provider, now - timedelta(days=RELATIONS_DAYS), now)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def cluster_availability(provider: str, cluster: str, start: datetime, end: datetime) -> Availability | None:
    """The availability of a cluster over a window, by the arithmetic of tiers; None when nothing is known."""
    policy = page_settings().policy
    blocks = _reader().cluster_blocks(provider, cluster, start, end, block_s=policy.block)
    return availability(blocks, confidence=policy.confidence)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def cluster_targets(provider: str, cluster: str, start: datetime, end: datetime) -> tuple[TargetLine, ...]:
    """What was asked of a cluster over a window."""
    return _reader().cluster_targets(provider, cluster, start, end)


@_remembered(CALM_S, entries=ENTRIES_MAX)
def engine_figures(provider: str, cluster: str, start: datetime, end: datetime) -> tuple[EngineLine, ...]:
    """What the engines of a cluster told of themselves over a window."""
    return _reader().engine_figures(provider, cluster, start, end)


@_remembered(FRESH_S, entries=ENTRIES_MAX)
def deliveries(since: datetime, limit: int, destination: str, kinds: tuple[str, ...]) -> tuple[DeliveryRow, ...]:
    """Pages that were tried since then, of a destination or of all (''), what is dead first."""
    return _reader().deliveries(since, limit, destination=destination, kinds=kinds)


@_remembered(FRESH_S, entries=ENTRIES_MAX)
def destinations(since: datetime) -> tuple[DestinationLine, ...]:
    """How each destination was told since then."""
    return _reader().destinations(since)


@st.cache_resource(ttl=FRESH_S, max_entries=1, show_spinner=False)
def vital_signs() -> tuple[VitalSigns | None, str]:
    """How the collector says it is itself, well or not, and '' or why that is not known."""
    settings = page_settings()
    return response_client.vital_signs(settings.collector_url, settings.token, timeout_s=COLLECTOR_S)


@_remembered(FRESH_S)
def monitor_health() -> MonitorHealth:
    """How the monitor itself is, as the store knows it."""
    return _reader().monitor_health()


@_remembered(CALM_S)
def examinations() -> tuple[Examination, ...]:
    """The last examination of every provider that was examined."""
    return _reader().examinations()


@_remembered(CALM_S)
def noted_configuration() -> NotedConfiguration | None:
    """Which configuration the collector noted last."""
    return _reader().noted_configuration()


@_remembered(CALM_S, entries=ENTRIES_MAX)
def scorecard(provider: str, days: int) -> Scorecard | None:
    """The record of a provider up to its last verdict, as `touchstone scorecard` has it; None without a verdict."""
    settings = page_settings()
    face = settings.providers.get(provider)
    terms = CardTerms(
        name=face.configured if face else "",
        confidence=settings.policy.confidence,
        block_s=settings.policy.block,
        simulated=settings.simulated,
    )
    verdict = _reader().verdict(provider)
    return card_at(_reader(), terms, provider, verdict.at, timedelta(days=days)) if verdict else None
