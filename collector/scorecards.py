"""A provider's scorecard from the store: for the command and for the dashboard, with the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from collector.exports.scorecard import Scorecard, scorecard
from collector.storage.queries import ROWS_MAX, Reader


@dataclass(frozen=True, slots=True)
class Terms:
    """What a card takes from the configuration."""

    name: str
    confidence: float
    block_s: float
    simulated: bool


def last_card(reader: Reader, terms: Terms, provider: str, period: timedelta) -> Scorecard | None:
    """The card of the *period* up to the last verdict on *provider*; None without one."""
    verdict = reader.verdict(provider)
    if verdict is None:
        return None
    start = verdict.at - period
    summary = reader.provider_summary(provider, start, verdict.at, block_s=terms.block_s)
    return scorecard(
        verdict,
        summary.facts,
        summary.clusters,
        reader.recent_incidents(ROWS_MAX, start, provider=provider, until=verdict.at),
        reader.beside(provider, start, verdict.at, confidence=terms.confidence),
        start=start,
        confidence=terms.confidence,
        examination=next(iter(reader.examinations(provider, verdict.at)), None),
        name=terms.name,
        simulated=terms.simulated or summary.simulated,
    )
