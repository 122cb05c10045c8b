"""A provider's scorecard from the store, as it was at an instant: for the command, the schedule and the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson

from collector.exports.contract_lines import contract_lines
from collector.exports.scorecard import BAR_DAYS, Scorecard, last_day, scorecard
from collector.storage.queries import Reader
from collector.storage.records import configuration_body
from schemas.config import Configuration, Retention

READS_AT_ONCE = 3
GRACE = timedelta(days=1)  # the store lets go of a whole day at a time


@dataclass(frozen=True, slots=True)
class Terms:
    """What a card takes from the configuration."""

    name: str
    confidence: float
    block_s: float
    simulated: bool

    @classmethod
    def of(cls, configuration: Mapping[str, Any], provider: str) -> Terms:
        """From a configuration as JSON values; a provider that it does not have has no name."""
        settings = configuration["settings"]
        return cls(
            name=configuration["fleet"]["providers"].get(provider, {}).get("name", ""),
            confidence=settings["tiers"]["confidence"],
            block_s=settings["tiers"]["block"],
            simulated=settings["simulated"],
        )

    @classmethod
    def configured(cls, configuration: Configuration, provider: str) -> Terms:
        """From *configuration*, as it would be noted."""
        return cls.of(orjson.loads(configuration_body(configuration)), provider)


def card_at(reader: Reader, otherwise: Terms, provider: str, at: datetime, period: timedelta) -> Scorecard | None:
    """
    The card over [*at* - *period*, *at*): the verdict that held at *at*, and what was known before; None without one.

    The terms are of the configuration that a collector ran with then; *otherwise* only where none did. So the same
    instant gives the same card, whatever came in or was changed later. *at* is not later than `Reader.settled_at`.
    """
    verdict = reader.verdict(provider, at)
    if verdict is None:
        return None
    noted = reader.configuration_at(at)
    terms = Terms.of(noted, provider) if noted else otherwise
    start = at - period
    with ThreadPoolExecutor(READS_AT_ONCE) as reads:
        incidents = reads.submit(reader.incidents_over, start, at, provider=provider)
        days = reads.submit(reader.days_as_known, first_bar(at), at, provider=provider)
        examinations = reads.submit(reader.examinations, provider, at)
        statements = reads.submit(reader.statements_known, provider, start, at)
        claims = reads.submit(reader.claims, at, provider)
        cover = reader.covered(start, at, at=at)
        sides = reader.sides(provider, start, at, cover=cover)
        beside = reads.submit(reader.beside, provider, start, at, confidence=terms.confidence, cover=cover, sides=sides)
        summary = reader.provider_summary(provider, start, at, block_s=terms.block_s, cover=cover, sides=sides)
    return scorecard(
        verdict,
        summary.facts,
        summary.clusters,
        incidents.result(),
        beside.result(),
        start=start,
        end=at,
        confidence=terms.confidence,
        days=days.result(),
        examination=next(iter(examinations.result()), None),
        contract=contract_lines(statements.result(), claims.result(), at),
        name=terms.name,
        simulated=terms.simulated or summary.simulated,
    )


def first_bar(at: datetime) -> datetime:
    """The midnight, UTC, at which the oldest bar of a card of *at* begins."""
    return datetime.combine(last_day(at) - timedelta(days=BAR_DAYS - 1), time(), UTC)


def oldest_kept(retention: Retention, now: datetime) -> datetime:
    """The first instant of which every row is there at *now*: a card that begins earlier could not be made again."""
    return now - timedelta(seconds=retention.raw) - GRACE
