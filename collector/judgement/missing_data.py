"""Missing data: which watches are silent. Silence is our own incident, and resolves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.judgement.fleet_index import FleetIndex
from collector.judgement.hard_down import Watch
from schemas.paging import SilenceRule

AWAKE_GAP = timedelta(seconds=30)  # a judge that did not look for so long cannot say that others were silent


def awake_since(looked_at: datetime | None, awake: datetime | None, now: datetime) -> datetime:
    """Since when this judge has been looking without a gap."""
    if looked_at is None or awake is None or now - looked_at > AWAKE_GAP:
        return now
    return awake


@dataclass(frozen=True, slots=True)
class Silence:
    """
    Keys of watches of which nothing usable came for too long.

    stale: by the last that came. silent: also since we have been there to hear it. What is silent opens an incident of
    ours; it lasts while anything is stale, so that a restart of ours ends nothing.
    """

    stale: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()


def silence(
    watches: Mapping[str, Watch], index: FleetIndex, rule: SilenceRule, awake: datetime, now: datetime
) -> Silence:
    """Which of *watches* are silent at *now*, with us awake since *awake*."""
    stale, silent = set(), set()
    for key, watch in watches.items():
        interval_s = index.intervals_s.get((watch.target, watch.module))
        if interval_s is None:
            continue
        limit, heard = timedelta(seconds=max(rule.at_least, rule.intervals * interval_s)), watch.seen_at or watch.tick
        if now - heard > limit:
            stale.add(key)
            if now - awake > limit:
                silent.add(key)
    return Silence(frozenset(stale), frozenset(silent))
