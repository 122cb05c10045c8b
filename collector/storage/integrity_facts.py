"""Subjects of integrity checks, as they were known at an instant: every target of the fleet, and every provider."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Protocol, TypeVar

from collector.judgement.integrity import identity, logprobs
from collector.judgement.integrity.canned_answers import DayAnswers
from collector.judgement.integrity.identity import Reference
from collector.judgement.integrity.period import period_start
from collector.judgement.integrity.subject import Examinee, ProviderSubject, Subject, coordinates
from collector.judgement.integrity.token_facts import Bills, TokenSums
from collector.storage import integrity_queries, sample_queries, treatment_queries
from collector.storage.burn_queries import Rows
from schemas import reference
from schemas.config import Configuration
from schemas.fleet import Claims, Place
from schemas.sample import KeptSample

Item = TypeVar("Item")
logger = logging.getLogger(__name__)

# Read apart: of logprobs there are many, and only so many samples are read at once.
SERIES = (
    ("identity", "repeat", "echo", "border", "cache", "place", *reference.SERIES),
    (logprobs.SERIES, logprobs.NOT_OFFERED_SERIES),
)


class Sampled(Protocol):
    """What is read of the store besides counts."""

    async def samples(
        self, series: Sequence[str], start: datetime, end: datetime, at: datetime, *, provider: str
    ) -> sample_queries.SampleWindow:
        """Samples of a provider."""
        ...

    async def token_sums(self, start: datetime, end: datetime, at: datetime) -> tuple[TokenSums, ...]:
        """Tokens counted and billed."""
        ...

    async def decode_speeds(self, start: datetime, end: datetime, at: datetime) -> sample_queries.SpeedWindow:
        """How fast answers were decoded."""
        ...


async def subjects_at(house: Sampled, rows: Rows, configuration: Configuration, at: datetime) -> tuple[Examinee, ...]:
    """Every target of the fleet, as it was known at *at*, then every provider that has one."""
    return *await targets_at(house, rows, configuration, at), *await providers_at(rows, configuration, at)


async def providers_at(rows: Rows, configuration: Configuration, at: datetime) -> tuple[ProviderSubject, ...]:
    """Every provider of the fleet that has a target."""
    start, confidence = period_start(at), configuration.settings.tiers.confidence
    return tuple(
        [
            ProviderSubject(provider, await treatment_queries.treated_at(rows, provider, start, at), confidence)
            for provider in sorted({place.provider for place in configuration.fleet.places()})
        ]
    )


async def targets_at(house: Sampled, rows: Rows, configuration: Configuration, at: datetime) -> tuple[Subject, ...]:
    """Every target of the fleet; of too many samples the newest, which is logged."""
    start, fleet = period_start(at), configuration.fleet
    samples: dict[str, list[KeptSample]] = {}
    for provider, series in product(sorted(fleet.providers), SERIES):
        found = await house.samples(series, start, at, at, provider=provider)
        if found.cut:
            logger.warning("%s: too many samples of %s since %s; the newest are looked at", provider, series, start)
        for sample in found.samples:
            samples.setdefault(sample.target, []).append(sample)
    window = sample_queries.window_of(start, at, at)
    sums = by_key(await house.token_sums(start, at, at), lambda one: one.target)
    speeds = by_key((await house.decode_speeds(start, at, at)).speeds, lambda one: one.target)
    answers: dict[str, tuple[DayAnswers, ...]] = {}
    for provider in sorted(fleet.providers):  # answers that all differ are a group each: of a whole fleet too many
        found_answers = await rows(integrity_queries.DAY_ANSWERS, **window | {"provider": provider})
        answers |= integrity_queries.day_answers_of(found_answers)
    conformed = integrity_queries.conformed_of(await rows(integrity_queries.CONFORMED, **window))
    benchmarks = integrity_queries.benchmarks_of(await rows(integrity_queries.BENCHMARKS, **window))
    places = tuple(fleet.places())
    bills = {place.id: Bills(place.id, tuple(sums.get(place.id, ()))) for place in places}
    serving = by_key(places, lambda one: one.target.model)
    vantages = coordinates({name: one.site for name, one in configuration.settings.vantage_places.items()})
    found_of = []
    for place in places:
        same = serving[place.target.model]
        peers = [one for one in same if one.provider != place.provider]
        found_of.append(
            Subject(
                target=place.id,
                cluster=place.cluster,
                provider=place.provider,
                model=place.target.model,
                claims=_claims(configuration, place),
                tokens=tuple(sums.get(place.id, ())),
                peers=tuple(bills[peer.id] for peer in peers),
                samples=tuple(samples.get(place.id, ())),
                answers=answers.get(place.id, ()),
                speeds=tuple(speeds.get(place.id, ())),
                benchmarks=benchmarks.get(place.id, ()),
                conformed=conformed.get(place.id, {}),
                reference=reference_of(place, same, samples),
                vantages=vantages,
            )
        )
    return tuple(found_of)


def by_key(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, list[Item]]:
    """*items* by what *key* says of each, in order."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


def reference_of(place: Place, same: Sequence[Place], samples: Mapping[str, Iterable[KeptSample]]) -> Reference | None:
    """
    What the answers of *place* are compared with: captured ones of its model, else those of other providers.

    *same*: every place that serves the model.

    Of several captures the newest that is whole; None when nobody else has answered.
    """
    captures = [found for one in same for found in reference.references_of(samples.get(one.id, ())) if found.complete]
    if captures:
        own = max(captures, key=lambda one: (one.began, one.target, one.set))
        found = reference.digest_of(own.answers)
        answers = own.as_series(identity.SERIES)
        return Reference(place.target.model, answers, own=True, recorded=own.digest or "", found=found)
    peers = [
        sample
        for one in same
        if one.provider != place.provider
        for sample in samples.get(one.id, ())
        if sample.series == identity.SERIES
    ]
    return Reference(place.target.model, tuple(peers)) if peers else None


def _claims(configuration: Configuration, place: Place) -> Claims:
    provider, _, cluster = place.cluster.partition("/")
    return configuration.fleet.providers[provider].clusters[cluster].claims
