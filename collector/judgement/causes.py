"""One cause, one incident: observer before provider before cluster before target. What is down, said at its widest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.judgement.hard_down import EVIDENCE_MAX, Watch
from collector.judgement.hot_state import FleetIndex
from schemas.incident import Level, Scope, Severity
from schemas.paging import HardDownRule

OBSERVER_PROVIDERS_MIN = 3
SEVERITY = {
    Level.OBSERVER: Severity.P1,
    Level.PROVIDER: Severity.P0,
    Level.CLUSTER: Severity.P1,
    Level.TARGET: Severity.P2,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is down now, with the rule that says so and its numbers."""

    scope: Scope
    provider: str
    failed_at: datetime
    reason: str
    rule: str
    evidence: tuple[str, ...]


def causes(watches: Mapping[str, Watch], index: FleetIndex, rule: HardDownRule, now: datetime) -> list[Cause]:
    """What is down at *now*, each at the widest level that the evidence supports."""
    down = [watch for watch in watches.values() if watch.down]
    if not down:
        return []
    if observer := _observer_cause(down, watches.values(), rule):
        return [observer]
    found: list[Cause] = []
    for provider in sorted({watch.provider for watch in down}):
        mine = [watch for watch in watches.values() if watch.provider == provider]
        found += _provider_causes(provider, mine, index, rule, now)
    return found


def _observer_cause(down: list[Watch], watches: Iterable[Watch], rule: HardDownRule) -> Cause | None:
    """When so many unrelated providers are down at once, it is us."""
    everybody = {watch.provider for watch in watches}
    failing = {watch.provider for watch in down}
    needed = max(OBSERVER_PROVIDERS_MIN, math.ceil(rule.observer_providers_share * len(everybody)))
    if len(failing) < needed:
        return None
    vantage = Counter(watch.vantage for watch in down).most_common(1)[0][0]
    said = f"{len(failing)} of {len(everybody)} providers down at once from {vantage} (at least {needed})"
    return _cause(Scope(Level.OBSERVER, vantage), "", down, said)


def _provider_causes(
    provider: str, watches: list[Watch], index: FleetIndex, rule: HardDownRule, now: datetime
) -> list[Cause]:
    down = [watch for watch in watches if watch.down]
    clusters = index.clusters.get(provider) or tuple(sorted({watch.cluster for watch in watches}))
    down_clusters = {watch.cluster for watch in down}
    recent = now - timedelta(seconds=rule.siblings_window)
    doubtful = {w.cluster for w in watches if w.streak and w.last_failed_at and w.last_failed_at >= recent}
    needed = min(len(clusters), max(rule.siblings_min, math.ceil(rule.siblings_share * len(clusters))))
    affected = down_clusters | doubtful
    if len(affected) >= needed and len(down_clusters) >= min(rule.siblings_min, len(clusters)):
        said = (
            f"{len(down_clusters)} of {len(clusters)} clusters down, {len(affected - down_clusters)} more failing "
            f"(at least {needed} within {rule.siblings_window:g} s)"
        )
        return [_cause(Scope(Level.PROVIDER, provider), provider, down, said)]
    found = []
    for cluster in sorted(down_clusters):
        here = [watch for watch in down if watch.cluster == cluster]
        targets, failing = index.targets.get(cluster, ()), {watch.target for watch in here}
        if len(failing) >= len(targets):
            said = f"{len(failing)} of {len(targets) or len(failing)} targets down, each {_streak(here, rule)}"
            found.append(_cause(Scope(Level.CLUSTER, cluster), provider, here, said))
        else:
            found += [
                _cause(Scope(Level.TARGET, target), provider, one, _streak(one, rule))
                for target in sorted(failing)
                if (one := [watch for watch in here if watch.target == target])
            ]
    return found


def _cause(scope: Scope, provider: str, down: list[Watch], rule: str) -> Cause:
    first = min(down, key=lambda watch: (watch.failed_at or watch.tick, watch.target))
    reason = Counter(sorted(watch.reason for watch in down)).most_common(1)[0][0]
    evidence = tuple(id for watch in sorted(down, key=lambda w: w.target) for id in watch.evidence)
    return Cause(scope, provider, first.failed_at or first.tick, reason, rule, evidence[:EVIDENCE_MAX])


def _streak(watches: list[Watch], rule: HardDownRule) -> str:
    longest = max(watch.streak for watch in watches)
    return f"failed {max(longest, rule.failures)} times in a row (at least {rule.failures})"
