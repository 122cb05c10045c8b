"""When is a target hard down? Several failures in a row, confirmation re-probes among them; unknown changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from schemas.flat_observation import AnyObservation
from schemas.observation import Blame, Outcome
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


_FIELDS = tuple(field.name for field in fields(Watch))


def key_of(observation: AnyObservation) -> str:
    """Which watch an observation belongs to."""
    return f"{observation.target}|{observation.vantage}|{observation.module}"


def watched(
    watch: Watch | None, facts: Sequence[AnyObservation], rule: HardDownRule, now: datetime
) -> tuple[Watch, list[AnyObservation]]:
    """The watch after *facts* (one at least) in their order; and those not newer than what was decided already."""
    first = facts[0]
    watch = watch or Watch(
        provider=first.provider, cluster=first.cluster, target=first.target, vantage=first.vantage,
        module=first.module, tick=first.tick, attempt=-1,
    )  # fmt: skip
    after, late = SimpleNamespace(**{name: getattr(watch, name) for name in _FIELDS}), []  # a backlog has many
    for fact in facts:
        if (fact.tick, fact.attempt) > (after.tick, after.attempt):
            vars(after).update(_changes(after, fact, rule, now))
        else:
            late.append(fact)
    return (watch if len(late) == len(facts) else Watch(**vars(after))), late


def _changes(watch: Any, fact: AnyObservation, rule: HardDownRule, now: datetime) -> dict[str, Any]:
    """What *fact* changes of *watch*, which has the fields of a Watch."""
    changes: dict[str, Any] = {"tick": fact.tick, "attempt": fact.attempt}
    if fact.outcome is Outcome.NOT_OBSERVED:
        return changes | {"unseen": fact.reason.value if fact.reason else ""}
    seen_at = min(fact.finished_at, now)  # an agent's clock may be ahead of ours
    changes |= {"seen_at": max(watch.seen_at or seen_at, seen_at), "unseen": ""}
    if fact.blame is Blame.CALLER:  # which says nothing about the provider
        return changes
    if fact.outcome is Outcome.FAILED:
        return changes | _after_failure(watch, fact, rule, now)
    return changes | _after_success(watch, fact, rule)


def _after_failure(watch: Any, fact: AnyObservation, rule: HardDownRule, now: datetime) -> dict[str, Any]:
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


def _after_success(watch: Any, fact: AnyObservation, rule: HardDownRule) -> dict[str, Any]:
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
