"""Subjects of integrity checks, as they were known at an instant: one for each target of the fleet."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from collector.judgement.integrity import identity
from collector.judgement.integrity.identity import Reference
from collector.judgement.integrity.period import period_start
from collector.judgement.integrity.subject import Subject, coordinates
from collector.storage import integrity_queries, sample_queries
from collector.storage.client import Client
from schemas import reference
from schemas.config import Configuration
from schemas.fleet import Claims, Place
from schemas.sample import KeptSample

logger = logging.getLogger(__name__)

SERIES = ("identity", "repeat", "echo", "border", "cache", "place", *reference.SERIES)


async def subjects_at(client: Client, configuration: Configuration, at: datetime) -> tuple[Subject, ...]:
    """Every target of the fleet, as it was known at *at*; of too many samples the newest, which is logged."""
    start, fleet = period_start(at), configuration.fleet
    samples: dict[str, list[KeptSample]] = {}
    for provider in sorted(fleet.providers):
        window = sample_queries.window_of(start, at, at, provider=provider)
        limit = sample_queries.SAMPLES_READ_MAX
        rows = await client.rows(sample_queries.SAMPLES, **window, series=list(SERIES), limit=limit)
        found = sample_queries.samples_of(rows, limit)
        if found.cut:
            logger.warning("%s: more than %d samples since %s; the newest are looked at", provider, limit, start)
        for sample in found.samples:
            samples.setdefault(sample.target, []).append(sample)
    window = sample_queries.window_of(start, at, at)
    sums = sample_queries.sums_of(await client.rows(sample_queries.TOKEN_SUMS, **window))
    speeds = sample_queries.speeds_of(await client.rows(sample_queries.DECODE_SPEEDS, **window)).speeds
    answers = integrity_queries.day_answers_of(await client.rows(integrity_queries.DAY_ANSWERS, **window))
    conformed = integrity_queries.conformed_of(await client.rows(integrity_queries.CONFORMED, **window))
    benchmarks = integrity_queries.benchmarks_of(await client.rows(integrity_queries.BENCHMARKS, **window))
    places = tuple(fleet.places())
    serving = {place.id: place for place in places}
    vantages = coordinates({name: one.site for name, one in configuration.settings.vantage_places.items()})
    return tuple(
        Subject(
            target=place.id,
            cluster=place.cluster,
            provider=place.provider,
            model=place.target.model,
            claims=_claims(configuration, place),
            tokens=tuple(one for one in sums if one.target == place.id),
            peers=tuple(one for one in sums if _peers(serving.get(one.target), place)),
            samples=tuple(samples.get(place.id, ())),
            answers=answers.get(place.id, ()),
            speeds=tuple(one for one in speeds if one.target == place.id),
            benchmarks=benchmarks.get(place.id, ()),
            conformed=conformed.get(place.id, {}),
            reference=reference_of(place, places, samples),
            vantages=vantages,
        )
        for place in places
    )


def reference_of(
    place: Place, places: Iterable[Place], samples: Mapping[str, Iterable[KeptSample]]
) -> Reference | None:
    """
    What the answers of *place* are compared with: captured ones of the same model, else those of other providers.

    Of several captures the newest that is whole; None when nobody else has answered.
    """
    same = [one for one in places if one.target.model == place.target.model]
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


def _peers(one: Place | None, place: Place) -> bool:
    return one is not None and one.provider != place.provider and one.target.model == place.target.model


def _claims(configuration: Configuration, place: Place) -> Claims:
    provider, _, cluster = place.cluster.partition("/")
    return configuration.fleet.providers[provider].clusters[cluster].claims
