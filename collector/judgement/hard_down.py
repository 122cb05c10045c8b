"""When is a target hard down? Several failures in a row, confirmation re-probes among them; unknown changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from schemas.observation import Blame, Observation, Outcome
from schemas.paging import HardDownRule

EVIDENCE_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """
    What is known of one target, vantage and module now.

    streak counts failures since the last success; good counts good ticks since the last failure. It is *suspect* while
    it has a streak, and down from the failure that completed one until enough good ticks. (tick, attempt) is the last
    position decided. seen_at is of the last usable observation, unseen why there has been none since.
    """

    provider: str
    cluster: str
    target: str
    vantage: str
    module: str
    tick: datetime
    attempt: int
    streak: int = 0
    good: int = 0
    down: bool = False
    down_at: datetime | None = None  # when it was decided
    failed_at: datetime | None = None  # of the streak's first failure
    last_failed_at: datetime | None = None
    last_good_at: datetime | None = None
    seen_at: datetime | None = None
    unseen: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()


def key_of(observation: Observation) -> str:
    """Which watch an observation belongs to."""
    return f"{observation.target}|{observation.vantage}|{observation.module}"


def watched(watch: Watch | None, fact: Observation, rule: HardDownRule, now: datetime) -> Watch | None:
    """The watch after *fact*; None when the fact is not newer than what was decided already."""
    if watch is None:
        watch = Watch(
            provider=fact.provider, cluster=fact.cluster, target=fact.target, vantage=fact.vantage, module=fact.module,
            tick=fact.tick, attempt=-1,
        )  # fmt: skip
    elif (fact.tick, fact.attempt) <= (watch.tick, watch.attempt):
        return None
    changes: dict[str, Any] = {"tick": fact.tick, "attempt": fact.attempt}
    if fact.outcome is Outcome.NOT_OBSERVED:
        return replace(watch, **changes, unseen=fact.reason.value if fact.reason else "")
    seen_at = min(fact.finished_at, now)  # an agent's clock may be ahead of ours
    changes |= {"seen_at": max(watch.seen_at or seen_at, seen_at), "unseen": ""}
    if fact.outcome is Outcome.FAILED and fact.blame is not Blame.CALLER:
        changes |= _after_failure(watch, fact, rule, now)
    elif fact.blame is not Blame.CALLER:  # which says nothing about the provider
        changes |= _after_success(watch, fact, rule)
    return replace(watch, **changes)


def _after_failure(watch: Watch, fact: Observation, rule: HardDownRule, now: datetime) -> dict[str, Any]:
    """What *fact* changes of *watch*."""
    first = watch.streak == 0
    streak = watch.streak + 1
    fresh = first and not watch.down
    down = watch.down or streak >= rule.failures
    return {
        "streak": streak,
        "good": 0,
        "down": down,
        "down_at": now if down and not watch.down else watch.down_at,
        "failed_at": fact.started_at if fresh or watch.failed_at is None else watch.failed_at,
        "last_failed_at": fact.finished_at,
        "reason": fact.reason.value if fact.reason else "",
        "evidence": ((str(fact.id),) if fresh else (*watch.evidence, str(fact.id)))[:EVIDENCE_MAX],
    }


def _after_success(watch: Watch, fact: Observation, rule: HardDownRule) -> dict[str, Any]:
    """What *fact* changes of *watch*."""
    good = watch.good + (0 if fact.confirm else 1)
    down = watch.down and good < rule.successes
    return {
        "streak": 0,
        "good": good,
        "down": down,
        "down_at": watch.down_at if down else None,
        "failed_at": watch.failed_at if down else None,
        "last_good_at": fact.finished_at,
    }
