"""Do the other vantages see it too? One place's failures are a target's only when nobody who looks says otherwise."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from collector.judgement.hard_down import Watch
from schemas.paging import HardDownRule

QUORUM_SHARE = 0.5


class Standing(StrEnum):
    """How well it is established that a target is down."""

    CONFIRMED = "confirmed"
    PARTLY = "partly"  # some vantages see it up
    WAITING = "waiting"  # the others have not been heard yet


def unheard(watches: Sequence[Watch], silent: Collection[Watch]) -> frozenset[tuple[str, str, str]]:
    """Who is to look now: (vantage, target, module) of those that have not said since what others see fail."""
    failing, agreeing = _failing(watches), seen_failing(watches)
    modules, since = {watch.module for watch in failing}, _since(failing)
    return frozenset(
        (watch.vantage, watch.target, watch.module)
        for watch in watches
        if watch.vantage not in agreeing
        and watch.module in modules
        and watch not in silent
        and (watch.last_good_at is None or watch.last_good_at < since)
    )


def seen_failing(watches: Sequence[Watch]) -> frozenset[str]:
    """The vantages that agree that something fails: it is down from there, or has failed since it did elsewhere."""
    failing = _failing(watches)
    modules, since = {watch.module for watch in failing}, _since(failing)
    return frozenset(
        watch.vantage
        for watch in watches
        if watch.down
        or (watch.streak and watch.module in modules and watch.last_failed_at and watch.last_failed_at >= since)
    )


def standing(watches: Sequence[Watch], silent: Collection[Watch], rule: HardDownRule, now: datetime) -> Standing:
    """
    How well it is established that the target of *watches* (all of one target, one of them down) is down.

    A vantage counts while it is heard. Of several, at least two and half of them must see it fail, which one of them
    has confirmed; one alone is enough when after `quorum_wait` no other has said that it is up.
    """
    down, vantages = [watch for watch in watches if watch.down], seen_failing(watches)
    heard = {watch.vantage for watch in watches if watch not in silent} | vantages
    if len(heard) == 1 or len(vantages) >= max(2, math.ceil(QUORUM_SHARE * len(heard))):
        return Standing.CONFIRMED
    modules, since = {watch.module for watch in down}, _since(down)
    against = {
        watch.vantage
        for watch in watches
        if watch.vantage in heard - vantages
        and watch.module in modules
        and watch.last_good_at is not None
        and watch.last_good_at >= since
    }
    asked = min(watch.down_at or watch.tick for watch in down)
    if heard - vantages - against and now - asked < timedelta(seconds=rule.quorum_wait):
        return Standing.WAITING
    return Standing.PARTLY if against else Standing.CONFIRMED


def _failing(watches: Sequence[Watch]) -> list[Watch]:
    """Those that are down; while none is, those whose last looks failed."""
    return [watch for watch in watches if watch.down] or [watch for watch in watches if watch.streak]


def _since(failing: Sequence[Watch]) -> datetime:
    """When the first of them failed first."""
    return min(watch.failed_at or watch.tick for watch in failing)
