"""
Is it enough to call a provider suspect? Evidence of all checks, put together by weights that were declared beforehand.

Two ways to the line: E = sum of w_f E_f of at least 1000 with two families that accuse, which e-BH over all providers
reports too; or one contradiction of class A that was replicated on two days and from two vantages. Then the provider
has a week to reply. A mean of e-values is one whatever ties them together, so E >= 1000 comes to an honest
provider with probability at most 1/1000.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from collector.judgement.integrity.e_value import e_bh, mean_of, weighted
from schemas.evidence import ACCUSING, Evidence, Family, Grade, Standing

E_MIN = 1000.0
FAMILIES_MIN = 2
DAYS_MIN, VANTAGES_MIN = 2, 2  # of one contradiction of class A
REPLY_DAYS = 7
Q = 0.05  # share of honest ones expected among those that e-BH reports
WEIGHTS: Mapping[Family, float] = MappingProxyType(dict.fromkeys(sorted(ACCUSING), 0.25))


class Stage(StrEnum):
    """How far it has come."""

    BELOW = "below"  # the evidence does not reach the line
    REPLY_OPEN = "reply_open"  # it does; the provider may still reply, or its reply is still to be weighed
    EXPLAINED = "explained"  # its reply was accepted
    SUSPECT = "suspect"


class Route(StrEnum):
    """By which rule the line was reached."""

    NONE = ""
    FAMILIES = "two_families"
    CONTRADICTION = "replicated_contradiction"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the provider said, and whether that explains the evidence; None until somebody has weighed it."""

    at: datetime
    accepted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The numbers of the rule; the weights are of families and sum to 1."""

    weights: Mapping[Family, float] = field(default_factory=lambda: WEIGHTS)
    e_min: float = E_MIN
    families_min: int = FAMILIES_MIN
    reply_days: int = REPLY_DAYS
    q: float = Q

    def __post_init__(self) -> None:
        if abs(sum(self.weights.values()) - 1) > 1e-9 or min(self.weights.values()) < 0:
            raise ValueError("the weights of the families are at least 0 and sum to 1")
        if not ACCUSING.issuperset(self.weights):
            raise ValueError(f"only these families accuse: {', '.join(sorted(ACCUSING))}")


DEFAULT_RULE = Rule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """
    What the evidence amounts to.

    e: the combined e-value. families: those that accuse. discovered: e-BH over all providers reports it. reply_until:
    end of the right of reply, None below the line. arithmetic: from evidence to e. missing: what suspect still needs.
    """

    provider: str
    stage: Stage
    route: Route
    e: float
    families: tuple[Family, ...]
    discovered: bool
    reached: datetime | None
    reply: Reply | None
    reply_until: datetime | None
    evidence: tuple[Evidence, ...]
    arithmetic: tuple[str, ...]
    missing: tuple[str, ...]


def suspicions(
    evidence: Mapping[str, Sequence[Evidence]],
    now: datetime,
    *,
    reached: Mapping[str, datetime],
    replies: Mapping[str, Reply],
    rule: Rule = DEFAULT_RULE,
) -> dict[str, Suspicion]:
    """
    Every provider's, with e-BH over all of them.

    *reached*: when a provider's evidence first reached the line; without one it is *now*, which whoever calls keeps.
    """
    found = e_bh({provider: combined(some, rule.weights) for provider, some in evidence.items()}, q=rule.q)
    return {
        provider: suspicion(
            provider, some, now, discovered=provider in found,
            reached=reached.get(provider), reply=replies.get(provider), rule=rule,
        )
        for provider, some in sorted(evidence.items())
    }  # fmt: skip


def suspicion(
    provider: str,
    evidence: Sequence[Evidence],
    now: datetime,
    *,
    discovered: bool,
    reached: datetime | None = None,
    reply: Reply | None = None,
    rule: Rule = DEFAULT_RULE,
) -> Suspicion:
    """One provider's; *discovered* says whether e-BH over all providers reports it."""
    e = combined(evidence, rule.weights)
    families = accusing(evidence)
    route = _route(evidence, e, families, discovered, rule)
    since = (reached or now) if route else None
    until = _reply_until(since, reply, rule) if since else None
    stage = _stage(until, reply, now)
    return Suspicion(
        provider=provider,
        stage=stage,
        route=route,
        e=e,
        families=families,
        discovered=discovered,
        reached=since,
        reply=reply,
        reply_until=until,
        evidence=tuple(evidence),
        arithmetic=_arithmetic(evidence, e, rule),
        missing=_missing(e, families, discovered, stage, until, rule),
    )


def combined(evidence: Sequence[Evidence], weights: Mapping[Family, float]) -> float:
    """The weighted mean of the families' e-values, each the mean of its evidence; one without evidence counts 1."""
    return weighted(_by_family(evidence), {str(family): weight for family, weight in weights.items()})


def accusing(evidence: Sequence[Evidence]) -> tuple[Family, ...]:
    """The families with a contradiction that can lead to suspect."""
    return tuple(sorted({one.family for one in evidence if _accuses(one)}))


def replicated(one: Evidence) -> bool:
    """Whether it is a contradiction of class A that was seen on two days and from two vantages."""
    enough = one.days >= DAYS_MIN and one.vantages >= VANTAGES_MIN
    return _accuses(one) and one.grade is Grade.CONTRADICTION and enough


def _accuses(one: Evidence) -> bool:
    graded = one.grade in {Grade.CONTRADICTION, Grade.STATISTICAL}
    return one.standing is Standing.CONTRADICTED and one.family in ACCUSING and graded


def _by_family(evidence: Sequence[Evidence]) -> dict[str, float]:
    """Family to the mean e-value of its evidence; evidence of class C and badges weigh nothing."""
    graded = [one for one in evidence if one.grade in {Grade.CONTRADICTION, Grade.STATISTICAL}]
    families = sorted({one.family for one in graded})
    return {family: mean_of([one.e for one in graded if one.family is family]) for family in families}


def _route(evidence: Sequence[Evidence], e: float, families: Sequence[Family], discovered: bool, rule: Rule) -> Route:
    if any(replicated(one) for one in evidence):
        return Route.CONTRADICTION
    enough = e >= rule.e_min and len(families) >= rule.families_min and discovered
    return Route.FAMILIES if enough else Route.NONE


def _reply_until(since: datetime, reply: Reply | None, rule: Rule) -> datetime:
    """So many days from the line; a reply that nobody has weighed yet holds it for as many from its arrival, once."""
    window = timedelta(days=rule.reply_days)
    waiting = reply is not None and reply.accepted is None and reply.at < since + window
    return max(since + window, reply.at + window) if waiting and reply else since + window


def _stage(until: datetime | None, reply: Reply | None, now: datetime) -> Stage:
    if until is None:
        return Stage.BELOW
    if reply is not None and reply.accepted:
        return Stage.EXPLAINED
    return Stage.REPLY_OPEN if now < until else Stage.SUSPECT


def _arithmetic(evidence: Sequence[Evidence], e: float, rule: Rule) -> tuple[str, ...]:
    es = _by_family(evidence)
    lines = []
    for family, weight in sorted(rule.weights.items()):
        of = [f"{one.check} {one.subject} {one.e:.4g}" for one in evidence if one.family is family]
        lines.append(
            f"{family}: {weight:g} x {es.get(family, 1.0):.4g}, the mean of {', '.join(of) or 'nothing, which is 1'}"
        )
    lines.append(f"E = {e:.4g}, needed {rule.e_min:g}")
    for one in evidence:
        if _accuses(one) and one.grade is Grade.CONTRADICTION:
            lines.append(
                f"{one.check} {one.subject}: class A, {one.days} days, {one.vantages} vantages;"
                f" needed {DAYS_MIN}, {VANTAGES_MIN}"
            )
    return tuple(lines)


def _missing(
    e: float, families: Sequence[Family], discovered: bool, stage: Stage, until: datetime | None, rule: Rule
) -> tuple[str, ...]:
    if stage is Stage.SUSPECT:
        return ()
    if stage is Stage.EXPLAINED:
        return ("its reply was accepted",)
    if stage is Stage.REPLY_OPEN:
        return (f"the right of reply ends {until:%Y-%m-%d %H:%M} UTC",)
    said = []
    if e < rule.e_min:
        said.append(f"E is {e:.4g}, {rule.e_min:g} are needed")
    if len(families) < rule.families_min:
        said.append(f"{len(families)} families accuse, {rule.families_min} are needed")
    if not discovered:
        said.append(f"e-BH over all providers at q = {rule.q:g} does not report it")
    said.append(f"or one contradiction of class A on {DAYS_MIN} days and from {VANTAGES_MIN} vantages")
    return tuple(said)
