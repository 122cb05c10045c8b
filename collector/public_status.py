"""The public status page from the store, as it was known at an instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import orjson

from collector.exports.scorecard import BAR_DAYS, last_day
from collector.exports.status_page import ProviderStatus, PublicIncident, StatusPage, told
from collector.judgement import day_marks
from collector.scorecards import first_bar
from collector.storage.incident_queries import IncidentRow
from collector.storage.queries import Reader
from collector.storage.records import configuration_body
from schemas.config import Configuration
from schemas.incident import IncidentState, Level, Signal

_LEVELS = frozenset({Level.PROVIDER, Level.CLUSTER, Level.TARGET})


def status_at(reader: Reader, configuration: Configuration, at: datetime, wanted: Sequence[str]) -> StatusPage:
    """
    The page of *at*, of the providers *wanted*, or of every one of the fleet as it was configured then.

    From rows taken in before *at* and incidents as they stood, so the same instant gives the same page. What is about
    ourselves, about a contract or an exercise is not told.
    """
    held = reader.configuration_at(at) or orjson.loads(configuration_body(configuration))
    fleet = held["fleet"]["providers"]
    names = list(wanted) or sorted(fleet)
    tiers = {verdict.provider: verdict.tier for verdict in reader.latest_verdicts(at)}
    observed = reader.observed_at(first_bar(at), at)
    bars = reader.days_as_known(first_bar(at), at)
    return StatusPage(
        at=at,
        providers=tuple(
            ProviderStatus(
                provider=name,
                name=fleet.get(name, {}).get("name", ""),
                tier=tiers.get(name),
                days=day_marks.row((one for one in bars if one.provider == name), last_day(at), BAR_DAYS),
                observed_at=observed.get(name),
            )
            for name in names
        ),
        incidents=told(_public(one) for one in _incidents(reader, at) if one.provider in names),
        simulated=held["settings"]["simulated"],
    )


def _incidents(reader: Reader, at: datetime) -> Sequence[IncidentRow]:
    """Those of the days that are shown, and whatever was open still."""
    hidden = {Signal.DRILL, Signal.CLAIM_DUE, Signal.NO_DATA}
    return [
        one
        for one in reader.incidents_over(first_bar(at), at)
        if one.level in _LEVELS and one.signal not in hidden and one.state is not IncidentState.CHILD
    ]


def _public(one: IncidentRow) -> PublicIncident:
    over = None if one.open else one.resolved_at or one.updated_at
    return PublicIncident(one.provider, one.level, one.severity.value, one.scope, one.reason, one.failed_at, over)
