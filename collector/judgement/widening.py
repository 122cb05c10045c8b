"""Whether what is down of a provider may be the beginning of all of it: then its first page waits a moment."""

from __future__ import annotations

from datetime import timedelta

from collector.judgement.causes import Sight, clusters_needed
from schemas.incident import Incident, Level, Signal
from schemas.paging import HardDownRule

NARROW = frozenset({Level.CLUSTER, Level.TARGET})


def may_widen(incident: Incident, sight: Sight, rule: HardDownRule) -> bool:
    """
    Whether the whole provider may yet turn out to be down.

    It may while another cluster of it fails as well, and so few have answered since that enough may be failing. One
    cluster that fails by itself is never held.
    """
    if incident.signal is not Signal.HARD_DOWN or incident.scope.level not in NARROW:
        return False
    silent, recent = sight.silence.silent, sight.now - timedelta(seconds=rule.siblings_window)
    watches = [
        watch for key, watch in sight.watches.items() if watch.provider == incident.provider and key not in silent
    ]
    failing = {
        watch.cluster
        for watch in watches
        if watch.down or (watch.streak and watch.last_failed_at and watch.last_failed_at >= recent)
    }
    if len(failing) < rule.siblings_min:
        return False
    answered = {watch.cluster for watch in watches if watch.last_good_at and watch.last_good_at >= incident.failed_at}
    possible = failing | ({watch.cluster for watch in watches} - answered)
    return len(possible) >= clusters_needed(len(sight.index.clusters.get(incident.provider, ())), rule)
