"""One cause, one incident: observer before provider before cluster before target. What ails, said at its widest."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.judgement.burn_rate import FIRING, BurnReading, BurnVerdict
from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hard_down import EVIDENCE_MAX, Watch
from collector.judgement.missing_data import Silence
from collector.judgement.quorum import Standing, seen_failing, standing, unheard
from collector.judgement.sla.claim_due import ClaimDue
from schemas.incident import GRAVITY, Evidence, Level, Scope, Severity, Signal
from schemas.paging import HardDownRule, Paging, SeverityPolicy

OBSERVER_PROVIDERS_MIN = 3
AFFECTED_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    Something that is wrong now, with the rule that says so and its numbers.

    Of a burn rate: for how long after an outage its short windows still hold it (*echo*), and its long ones (*memory*);
    *fresh* when there are enough bad ones in a short window, so that it is not one more beside what is remembered.
    """

    signal: Signal
    scope: Scope
    provider: str
    severity: Severity
    failed_at: datetime
    reason: str
    rule: str
    evidence: Evidence
    echo: timedelta = timedelta()
    memory: timedelta = timedelta()
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Sight:
    """What is seen at *now*: watches by key, which of them are silent, burn rates that have fired, credits to claim."""

    watches: Mapping[str, Watch]
    silence: Silence
    burning: Mapping[str, BurnReading]
    claims: Mapping[str, ClaimDue]
    index: FleetIndex
    now: datetime

    def longest_interval(self, vantage: str) -> timedelta:
        """Of everything that is asked from *vantage*."""
        asked = ((watch.target, watch.module) for watch in self.watches.values() if watch.vantage == vantage)
        return timedelta(seconds=max((self.index.intervals_s.get(one, 0.0) for one in asked), default=0.0))

    def silent_watches(self) -> list[Watch]:
        """The watches of which nothing usable comes."""
        return [self.watches[key] for key in self.silence.silent]


@dataclass(frozen=True, slots=True)
class _Ailing:
    """One target in trouble, as the ladder sees it."""

    cluster: str
    target: str
    failed_at: datetime
    reason: str
    said: str
    observations: tuple[str, ...]
    last_good_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Rung:
    """Where on the ladder a cause stands, with its members and the count that put it there."""

    scope: Scope
    members: Sequence[_Ailing]
    said: str


def causes(sight: Sight, paging: Paging) -> list[Cause]:
    """What is wrong, each at the widest level that the evidence supports."""
    observers = _observer_causes(sight, paging)
    blind = {cause.scope.id for cause in observers}
    seen = [watch for watch in sight.watches.values() if watch.vantage not in blind]
    down = [watch for watch in seen if watch.down]
    found = [*observers, *_missing_data_causes(sight, paging.severities, blind)]
    for provider in sorted({watch.provider for watch in down}):
        found += _down_causes(provider, [watch for watch in seen if watch.provider == provider], sight, paging)
    for signal in GRAVITY[1:]:
        firing = [one for one in sight.burning.values() if burn_signal(one) is signal and one.verdict in FIRING]
        for provider in sorted({one.provider for one in firing}):
            found += _burn_causes(provider, signal, [one for one in firing if one.provider == provider], sight, paging)
    return [*found, *_claim_causes(sight, paging.severities)]


def asks(sight: Sight, rule: HardDownRule) -> frozenset[tuple[str, str, str]]:
    """
    (vantage, target, module) of everything that one vantage sees fail and another has not been heard of since.

    From the first failure on, so that the others look while it is being confirmed; no longer once it is decided.
    """
    failing = {watch.target for watch in sight.watches.values() if watch.down or watch.streak}
    by_target: dict[str, list[Watch]] = defaultdict(list)
    for watch in sight.watches.values():
        if watch.target in failing:
            by_target[watch.target].append(watch)
    silent = sight.silent_watches()
    undecided = (
        several
        for several in by_target.values()
        if not any(watch.down for watch in several) or standing(several, silent, rule, sight.now) is Standing.WAITING
    )
    return frozenset().union(*(unheard(several, silent) for several in undecided))


def _observer_causes(sight: Sight, paging: Paging) -> list[Cause]:
    """A vantage from which so many unrelated providers are down at once that it is us, unless others see the same."""
    rule, found = paging.hard_down, []
    failing: dict[str, set[str]] = defaultdict(set)
    everybody: dict[str, set[str]] = defaultdict(set)
    for watch in sight.watches.values():
        everybody[watch.vantage].add(watch.provider)
        if watch.down:
            failing[watch.vantage].add(watch.provider)
    for vantage, providers in sorted(failing.items()):
        known = max(len(everybody[vantage]), len(sight.index.clusters))  # not only those heard of since a start
        needed = max(OBSERVER_PROVIDERS_MIN, math.ceil(rule.observer_providers_share * known))
        elsewhere: set[str] = set().union(*(failing[other] for other in failing if other != vantage))
        if len(providers - elsewhere) < needed:
            continue
        said = f"{len(providers)} of {known} providers down at once from {vantage}"
        here = [watch for watch in sight.watches.values() if watch.vantage == vantage]
        found.append(
            _cause(
                Signal.HARD_DOWN, _Rung(Scope(Level.OBSERVER, vantage), _of_watches([w for w in here if w.down]), said),
                "", paging.severities.observer, f"{said} (at least {needed})",
                certainty=_vantages_said(here, sight), watched_n=len({watch.target for watch in here}),
            )
        )  # fmt: skip
    return found


def _missing_data_causes(sight: Sight, severities: SeverityPolicy, blind: Collection[str]) -> list[Cause]:
    """A vantage from which nothing usable comes any more, of everything or of some."""
    found = []
    silent = sight.silent_watches()
    for vantage in sorted({watch.vantage for watch in silent} - set(blind)):
        here = [watch for watch in silent if watch.vantage == vantage]
        everything = [watch for watch in sight.watches.values() if watch.vantage == vantage]
        reasons = Counter(watch.unseen or "nothing_arrived" for watch in here)
        reason = max(sorted(reasons), key=lambda name: reasons[name])
        whole = len(here) == len(everything)
        said = f"nothing usable from {len(here)} of {len(everything)} subjects"
        last = max((watch.seen_at for watch in here if watch.seen_at), default=None)
        found.append(
            Cause(
                signal=Signal.NO_DATA,
                scope=Scope(Level.OBSERVER, vantage),
                provider="",
                severity=severities.no_data if whole else severities.blind_spots,
                failed_at=min(watch.seen_at or watch.tick for watch in here),
                reason=reason,
                rule=f"{said} for longer than the rule allows",
                evidence=Evidence(
                    certainty="missing data says nothing about any provider; what was down stays as it was",
                    affected=_named(watch.target for watch in here),
                    affected_n=len({watch.target for watch in here}),
                    watched_n=len({watch.target for watch in everything}),
                    last_good_at=last,
                ),
            )
        )
    return found


def _down_causes(provider: str, watches: list[Watch], sight: Sight, paging: Paging) -> list[Cause]:
    """What of one provider is down: what every vantage agrees on, and apart, what only some see."""
    rule, silent = paging.hard_down, sight.silent_watches()
    by_target: dict[str, list[Watch]] = defaultdict(list)
    for watch in watches:
        by_target[watch.target].append(watch)
    standings = {
        target: standing(several, [watch for watch in silent if watch.target == target], rule, sight.now)
        for target, several in by_target.items()
        if any(watch.down for watch in several)
    }
    found: list[Cause] = []
    for wanted, partly in (({Standing.CONFIRMED}, False), ({Standing.CONFIRMED, Standing.PARTLY}, True)):
        down = [watch for watch in watches if watch.down and standings[watch.target] in wanted]
        if not down or (partly and len(down) == len([w for w in down if standings[w.target] is Standing.CONFIRMED])):
            continue
        recent = sight.now - timedelta(seconds=rule.siblings_window)
        doubtful = {w.cluster for w in watches if w.streak and w.last_failed_at and w.last_failed_at >= recent}
        for rung in _ladder(provider, _of_watches(down), set() if partly else doubtful, sight.index, rule, "down"):
            if partly and any(_inside(rung.scope, cause.scope) for cause in found):
                continue
            members = {one.target for one in rung.members}
            here = [watch for target in members for watch in by_target[target]]
            severity = _down_severity(rung.scope.level, paging.severities, partly=partly)
            found.append(
                _cause(
                    Signal.HARD_DOWN, rung, provider, severity, _down_rule(rung, here, rule, partly=partly),
                    certainty=_vantages_said(here, sight), watched_n=_watched_n(rung.scope, provider, sight.index),
                )
            )  # fmt: skip
    return found


def _burn_causes(provider: str, signal: Signal, firing: list[BurnReading], sight: Sight, paging: Paging) -> list[Cause]:
    """What of one provider burns its budget, joined like what is down."""
    ailing = [
        _Ailing(one.cluster, one.scope.id, one.since, one.reason, one.rule, one.observations, None) for one in firing
    ]
    found = []
    for rung in _ladder(provider, ailing, set(), sight.index, paging.hard_down, "burning"):
        members = {one.target for one in rung.members}
        first = min(rung.members, key=lambda one: (one.failed_at, one.target))
        names = sorted({one.objective for one in firing if one.scope.id in members})
        cause = _cause(
            signal, rung, provider, getattr(paging.severities, signal.value),
            f"{rung.said}; {first.target} {first.said}" if len(members) > 1 else first.said,
            certainty=f"objective {', '.join(names)}", watched_n=_watched_n(rung.scope, provider, sight.index),
        )  # fmt: skip
        burning = [one for one in firing if one.scope.id in members]
        echo, memory = max(one.short for one in burning), max(one.long for one in burning)
        found.append(replace(cause, echo=echo, memory=memory, fresh=any(one.fresh for one in burning)))
    return found


def _claim_causes(sight: Sight, severities: SeverityPolicy) -> list[Cause]:
    """Every credit that is to be claimed by a deadline."""
    return [
        Cause(
            signal=Signal.CLAIM_DUE,
            scope=Scope(Level.CONTRACT, one.key),
            provider=one.provider,
            severity=severity,
            failed_at=one.since,
            reason="claim_due",
            rule=one.rule,
            evidence=Evidence(
                certainty=one.certainty,
                affected=_named(one.targets),
                affected_n=len(one.targets),
                watched_n=len(one.targets),
            ),
        )
        for one in sight.claims.values()
        if (severity := one.severity(sight.now, severities)) is not None
    ]


def _ladder(
    provider: str,
    ailing: Sequence[_Ailing],
    doubtful: Collection[str],
    index: FleetIndex,
    rule: HardDownRule,
    word: str,
) -> list[_Rung]:
    """The widest places that targets of a provider make up that are all *word*; *doubtful* clusters begin to fail."""
    clusters = index.clusters.get(provider) or tuple(sorted({one.cluster for one in ailing}))
    bad = {one.cluster for one in ailing}
    needed = clusters_needed(len(clusters), rule)
    affected = bad | set(doubtful)
    if len(affected) >= needed and len(bad) >= min(rule.siblings_min, len(clusters)):
        said = (
            f"{len(bad)} of {len(clusters)} clusters {word}, {len(affected - bad)} more failing "
            f"(at least {needed} within {rule.siblings_window:g} s)"
        )
        return [_Rung(Scope(Level.PROVIDER, provider), ailing, said)]
    rungs = []
    for cluster in sorted(bad):
        here = [one for one in ailing if one.cluster == cluster]
        targets, failing = index.targets.get(cluster, ()), sorted({one.target for one in here})
        if len(failing) >= len(targets):
            said = f"{len(failing)} of {len(targets) or len(failing)} targets {word}"
            rungs.append(_Rung(Scope(Level.CLUSTER, cluster), here, said))
        else:
            rungs += [
                _Rung(Scope(Level.TARGET, name), [one for one in here if one.target == name], "") for name in failing
            ]
    return rungs


def clusters_needed(clusters: int, rule: HardDownRule) -> int:
    """How many of a provider's *clusters* must be down or failing for it to be the whole provider."""
    return min(clusters, max(rule.siblings_min, math.ceil(rule.siblings_share * clusters)))


def _of_watches(down: Iterable[Watch]) -> list[_Ailing]:
    return [
        _Ailing(
            watch.cluster, watch.target, watch.failed_at or watch.tick, watch.reason, "", watch.evidence,
            watch.last_good_at,
        )
        for watch in down
    ]  # fmt: skip


def _cause(
    signal: Signal, rung: _Rung, provider: str, severity: Severity, rule: str, *, certainty: str, watched_n: int
) -> Cause:
    members = sorted(rung.members, key=lambda one: (one.failed_at, one.target))
    reason = Counter(sorted(one.reason for one in members)).most_common(1)[0][0]
    observations = tuple(id for one in sorted(members, key=lambda one: one.target) for id in one.observations)
    targets = {one.target for one in members}
    return Cause(
        signal=signal,
        scope=rung.scope,
        provider=provider,
        severity=severity,
        failed_at=members[0].failed_at,
        reason=reason,
        rule=rule,
        evidence=Evidence(
            certainty=certainty,
            affected=_named(targets),
            affected_n=len(targets),
            watched_n=max(watched_n, len(targets)),
            last_good_at=max((one.last_good_at for one in members if one.last_good_at), default=None),
            observations=observations[:EVIDENCE_MAX],
        ),
    )


def _down_severity(level: Level, severities: SeverityPolicy, *, partly: bool) -> Severity:
    """How bad it is; what some vantages see up is no worse than one target that is down."""
    by_level = {Level.PROVIDER: severities.provider_down, Level.CLUSTER: severities.cluster_down}
    severity = by_level.get(level, severities.target_down)
    return max(severity, severities.target_down) if partly else severity


def _down_rule(rung: _Rung, watches: list[Watch], rule: HardDownRule, *, partly: bool) -> str:
    longest = max((watch.streak for watch in watches if watch.down), default=0)
    streak = f"failed {max(longest, rule.failures)} times in a row (at least {rule.failures})"
    said = {
        Level.PROVIDER: rung.said,
        Level.CLUSTER: f"{rung.said}, each {streak}",
    }.get(rung.scope.level, streak)
    if not partly:
        return said
    up = sorted({w.vantage for w in watches} - seen_failing(watches))
    return f"{said}; {', '.join(up) or 'another vantage'} sees it up"


def _vantages_said(watches: list[Watch], sight: Sight) -> str:
    down = sorted(seen_failing(watches))
    silent = {id(watch) for watch in sight.silent_watches()}
    heard = {watch.vantage for watch in watches if id(watch) not in silent} | set(down)
    longest = max((watch.streak for watch in watches), default=0)
    places = f"from {down[0]}, the only vantage" if len(heard) == 1 else f"from {len(down)} of {len(heard)} vantages"
    if not longest:  # all of it is on its way up
        fewest = min((watch.good for watch in watches if watch.down), default=0)
        return f"answering again, {fewest} good in a row at least, {places}"
    return f"{longest} failures in a row at most, re-probes on fresh connections among them, {places}"


def _watched_n(scope: Scope, provider: str, index: FleetIndex) -> int:
    if scope.level is Level.PROVIDER:
        return index.inside(provider)
    return len(index.targets.get(scope.id, ())) if scope.level is Level.CLUSTER else 1


def _named(targets: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(targets)))[:AFFECTED_MAX]


def _inside(scope: Scope, wide: Scope) -> bool:
    return scope == wide or scope.id.startswith(f"{wide.id}/")


def burn_signal(reading: BurnReading) -> Signal:
    """What an incident of *reading* is about: tickets of any budget are one thing."""
    return Signal.SLOW_BURN if reading.slow else reading.signal


def kept_burning(before: Mapping[str, BurnReading], fresh: Sequence[BurnReading]) -> dict[str, BurnReading]:
    """
    The readings of subjects that have fired and are not clear yet, after *fresh* ones.

    A subject that holds, or of which nothing is known, stays as it was, with its new words.
    """
    kept = dict(before)
    for one in fresh:
        key = f"{one.signal}|{one.objective}|{one.scope.id}"
        if one.verdict in FIRING:
            kept[key] = replace(one, since=min(one.since, kept[key].since)) if key in kept else one
        elif one.verdict is BurnVerdict.CLEAR:
            kept.pop(key, None)
        elif key in kept:
            kept[key] = replace(one, since=kept[key].since)
    return kept
