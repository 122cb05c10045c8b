"""What is known of a target, or of a provider, over a period: what the checks of integrity look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.judgement.integrity.canned_answers import DayAnswers
from collector.judgement.integrity.hardware import Claimed, Model
from collector.judgement.integrity.identity import Reference
from collector.judgement.integrity.node_benchmark import Run
from collector.judgement.integrity.regions import Point, sites
from collector.judgement.integrity.token_facts import Bills, DecodeSpeed, TokenSums
from collector.judgement.integrity.treatment import Groups, Strata
from schemas.fleet import Claims
from schemas.sample import KeptSample

GIGA = 1e9


@dataclass(frozen=True, slots=True)
class Conformed:
    """Complete answers to probes of one kind that say what was asked for: *invalid* of *n* were not so."""

    n: int
    invalid: int
    days: int
    vantages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    One target in a period.

    peers: the bills of other providers' targets that serve the same model. vantages: coordinates by name.
    conformed: by kind. reference: what its answers are compared with, None when there is none.
    """

    target: str
    cluster: str
    provider: str
    model: str
    claims: Claims
    tokens: tuple[TokenSums, ...] = ()
    peers: tuple[Bills, ...] = ()
    samples: tuple[KeptSample, ...] = ()
    answers: tuple[DayAnswers, ...] = ()
    speeds: tuple[DecodeSpeed, ...] = ()
    benchmarks: tuple[Run, ...] = ()
    conformed: Mapping[str, Conformed]
    reference: Reference | None = None
    vantages: Mapping[str, Point]


@dataclass(frozen=True, slots=True)
class ProviderSubject:
    """One provider in a period: what groups of its clients saw of the same; effects are bounded at *confidence*."""

    provider: str
    treated: Mapping[Groups, Strata]
    confidence: float


Examinee = Subject | ProviderSubject


def claimed_of(claims: Claims, model: str) -> Claimed:
    """What is claimed of the hardware; the model is None where its parameters are not given."""
    active = claims.active_params_b or claims.params_b
    known = None
    if active is not None:
        known = Model(
            name=model,
            active=active * GIGA,
            total=(claims.params_b or active) * GIGA,
            cache_bytes=float(claims.kv_bytes_per_token or 0),
            context=claims.context or 0,
        )
    return Claimed(claims.gpu, claims.gpus_per_replica or claims.count or 1, claims.precision, known)


def place_of(claims: Claims) -> str:
    """Where a cluster is claimed to stand: its site, else its region."""
    return claims.site or claims.region


def coordinates(places: Mapping[str, str]) -> dict[str, Point]:
    """Name to coordinates of vantages whose *places* (name to site) mean exactly one point."""
    found = {name: sites(site) for name, site in places.items()}
    return {name: next(iter(points.values())) for name, points in found.items() if len(points) == 1}
