"""When is a target hard down? Several failures in a row, confirmation re-probes among them; unknown changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.observation import Blame, Observation, Outcome
from schemas.paging import HardDownRule

EVIDENCE_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """
    What is known of one target, vantage and module now.

    streak counts failures since the last success; good counts good ticks since the last failure. down holds from the
    failure that completed a streak until enough good ticks. (tick, attempt) is the last position decided.
    """

    provider: str
    cluster: str
    target: str
    vantage: str
    tick: datetime
    attempt: int
    streak: int = 0
    good: int = 0
    down: bool = False
    failed_at: datetime | None = None  # of the streak's first failure
    last_failed_at: datetime | None = None
    reason: str = ""
    evidence: tuple[str, ...] = ()


def key_of(observation: Observation) -> str:
    """Which watch an observation belongs to."""
    return f"{observation.target}|{observation.vantage}|{observation.module}"


def watched(watch: Watch | None, fact: Observation, rule: HardDownRule) -> Watch | None:
    """The watch after *fact*; None when the fact is not newer than what was decided already."""
    if watch is None:
        watch = Watch(
            provider=fact.provider, cluster=fact.cluster, target=fact.target, vantage=fact.vantage,
            tick=fact.tick, attempt=-1,
        )  # fmt: skip
    elif (fact.tick, fact.attempt) <= (watch.tick, watch.attempt):
        return None
    watch = replace(watch, tick=fact.tick, attempt=fact.attempt)
    if fact.outcome is Outcome.NOT_OBSERVED or fact.blame is Blame.CALLER:
        return watch  # says nothing about the provider
    if fact.outcome is Outcome.FAILED:
        return _after_failure(watch, fact, rule)
    return _after_success(watch, fact, rule)


def _after_failure(watch: Watch, fact: Observation, rule: HardDownRule) -> Watch:
    first = watch.streak == 0
    streak = watch.streak + 1
    fresh = first and not watch.down
    return replace(
        watch,
        streak=streak,
        good=0,
        down=watch.down or streak >= rule.failures,
        failed_at=fact.started_at if fresh or watch.failed_at is None else watch.failed_at,
        last_failed_at=fact.finished_at,
        reason=fact.reason.value if fact.reason else "",
        evidence=((str(fact.id),) if fresh else (*watch.evidence, str(fact.id)))[:EVIDENCE_MAX],
    )


def _after_success(watch: Watch, fact: Observation, rule: HardDownRule) -> Watch:
    good = watch.good + (0 if fact.confirm else 1)
    down = watch.down and good < rule.successes
    return replace(watch, streak=0, good=good, down=down, failed_at=watch.failed_at if down else None)
