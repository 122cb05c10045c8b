"""One market judged through thirty days, by the tier rule and by what everybody does: the point of the availability."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.truth.fold import Fold
from bench.truth.market import market
from collector.judgement.availability import availability
from collector.judgement.facts import ProviderFacts
from collector.judgement.integrity.catalog import examined
from collector.judgement.integrity.suspicion import Suspicion, suspicions
from collector.judgement.peer_latency import p95s
from collector.judgement.tiers import judge
from schemas.config import TierPolicy
from schemas.evidence import Evidence
from schemas.verdict import Tier
from simulator.history import Past

BEGINS = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
# Every verdict that can first be given to anybody falls on one of these, or within a day or two of it.
JUDGED = (1, 3, 5, 7, 8, 10, 14, 21, 28, 29, 30)
EXAMINED = (2, 3, 5, 10, 21)  # claims: what is found is judged from then on
STEP_S = 60
POLICY = TierPolicy()


@dataclass(frozen=True, slots=True)
class Judged:
    """A provider of the market *number* with its tiers by day, by the rule (*tiers*) and by points (*points*)."""

    market: int
    provider: str
    kind: str
    truth: Tier
    tiers: Mapping[int, Tier]
    points: Mapping[int, Tier]
    reasons: tuple[str, ...]  # on the last day

    def reached(self) -> int | None:
        """The first day from which on it is judged to be what it is; None when it is not on the last."""
        days = [day for day in JUDGED if self.tiers[day] is not self.truth]
        after = [day for day in JUDGED if not days or day > days[-1]]
        return after[0] if after else None


def judged(number: int, *, step_s: int = STEP_S) -> tuple[Judged, ...]:
    """Every provider of the market *number*."""
    world = market(number)
    fold = Fold.of(Past(world, BEGINS, BEGINS + timedelta(days=DAYS + 1), step_s))
    tiers: dict[str, dict[int, Tier]] = {cloud.id: {} for cloud in world.clouds}
    points: dict[str, dict[int, Tier]] = {cloud.id: {} for cloud in world.clouds}
    reasons: dict[str, tuple[str, ...]] = {}
    found: dict[str, Suspicion] = {}
    for day in range(1, DAYS + 1):
        fold.take(day - 1)
        at = BEGINS + timedelta(days=day)
        if day in EXAMINED:
            found = _suspicions(fold, at, found)
        if day not in JUDGED:
            continue
        facts = fold.facts()
        others = p95s(facts)
        for cloud in world.clouds:
            before = tiers[cloud.id]
            previous = before[max(before)] if before else None
            known = facts[cloud.id]
            verdict = judge(
                cloud.id, known, POLICY, at, previous, _still(found.get(cloud.id), at), others=others,
                record=fold.record(cloud.id),
            )  # fmt: skip
            tiers[cloud.id][day], reasons[cloud.id] = verdict.tier, verdict.reasons
            points[cloud.id][day] = by_point(known)
    return tuple(
        Judged(
            number, cloud.id, cloud.personality.name, cloud.personality.truth, tiers[cloud.id], points[cloud.id],
            reasons[cloud.id],
        )
        for cloud in world.clouds
    )  # fmt: skip


def by_point(facts: ProviderFacts) -> Tier:
    """The tier by the point of its availability at the rule's own lines, from the first day on; no bound, no claims."""
    measured = availability(facts.blocks, confidence=POLICY.confidence)
    if measured is None:
        return Tier.UNRATED
    if measured.point >= POLICY.gold.availability_lower:
        return Tier.GOLD
    return Tier.RELIABLE if measured.point >= POLICY.reliable.availability_lower else Tier.SUSPECT


def _suspicions(fold: Fold, at: datetime, before: Mapping[str, Suspicion]) -> dict[str, Suspicion]:
    """What all checks find by *at*; when a provider reached the line is kept from before."""
    evidence: dict[str, list[Evidence]] = {}
    for subject in fold.subjects():
        evidence.setdefault(subject.provider, []).extend(examined(subject))
    reached = {provider: one.reached for provider, one in before.items() if one.reached is not None}
    return suspicions(evidence, at, reached=reached, replies={})


def _still(found: Suspicion | None, at: datetime) -> Suspicion | None:
    """*found* as it is at *at*: the right of reply passes between two examinations, too."""
    if found is None:
        return None
    reached = {} if found.reached is None else {found.provider: found.reached}
    known = suspicions({found.provider: found.evidence}, at, reached=reached, replies={})
    return known[found.provider]


def all_judged(numbers: Iterable[int], processes: int, *, step_s: int) -> Iterator[tuple[Judged, ...]]:
    """The markets *numbers*, as they end."""
    with ProcessPoolExecutor(processes) as pool:
        several = [pool.submit(judged, number, step_s=step_s) for number in numbers]
        for future in as_completed(several):
            yield future.result()
