"""
Is the monitor itself well: each sign well, late or unknown, with its value and its limit.

The page *Monitor health* and `touchstone health` say the same, because both ask here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from collector.judgement.wording import UNKNOWN, duration, percent, stamp
from collector.storage.monitor_queries import MonitorHealth, VantageHealth
from collector.vital_signs import LAG_S_MAX, OUTBOX_S_MAX, VitalSigns, ailments
from schemas.config import Configuration

STALE_INTERVALS = 3
STALE_MIN_S = 60.0
ROLLED_UP_S_MAX = 1800.0  # they are worked out every five minutes
JUDGED_S_MAX = 300.0
EXAMINED_TIMES = 2  # an examination may be late by as long as it is apart from the next
UNSEEN_SHARE_MAX = 0.01  # more than that not observed, and figures of providers get wide


class State(StrEnum):
    """How one sign is; the word stands beside the colour."""

    WELL = "well"
    LATE = "late"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, value: float, most: float) -> State:
        """Late when *value* is more than *most*."""
        return cls.LATE if value > most else cls.WELL


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that is well, late or unknown, with its value and what that means."""

    name: str
    state: State
    value: str
    means: str


@dataclass(frozen=True, slots=True)
class VantageSigns:
    """
    One vantage: how long ago its newest tick was, and the share of the last hour's ticks that was not observed.

    *unseen_share* is None, and *unseen* unknown, without a row in that hour.
    """

    health: VantageHealth
    old_s: float
    newest: State
    unseen_share: float | None
    unseen: State

    @property
    def newest_words(self) -> str:
        """`12 s ago`."""
        return f"{duration(self.old_s)} ago"

    @property
    def rows_a_minute(self) -> float:
        """Over the last hour."""
        return self.health.n / 60

    @property
    def unseen_words(self) -> str:
        """`0.41 %`, or that it is unknown."""
        return UNKNOWN if self.unseen_share is None else percent(self.unseen_share)


def stale_after_s(configuration: Configuration) -> float:
    """How old the newest observation may be: three intervals of what is asked most often, and at least a minute."""
    modules = configuration.settings.modules
    used = {name for place in configuration.fleet.places() for name in place.target.modules}
    shortest_s = min((modules[name].interval for name in used), default=STALE_MIN_S)
    return max(STALE_MIN_S, STALE_INTERVALS * shortest_s)


def age(name: str, at: datetime | None, now: datetime, most_s: float, words: str) -> Sign:
    """How old something is that is late after *most_s*, in *words*; unknown when it never was."""
    if at is None:
        return Sign(name, State.UNKNOWN, "never", f"late after {words}")
    old_s = max((now - at).total_seconds(), 0.0)
    return Sign(name, State.of(old_s, most_s), f"{duration(old_s)} ago", f"{stamp(at)}; late after {words}")


def of_collector(signs: VitalSigns | None, silent: str) -> tuple[Sign, ...]:
    """What the collector says of itself; unknown, with *silent* for the reason, where it cannot be asked."""
    if signs is None:
        return (Sign("Collector", State.UNKNOWN, "not known", silent),)
    ails = ailments(signs)
    waits = UNKNOWN if signs.outbox_s is None else "empty" if not signs.outbox_s else duration(signs.outbox_s)
    outbox = State.UNKNOWN if signs.outbox_s is None else State.of(signs.outbox_s, OUTBOX_S_MAX)
    return (
        Sign("Collector", State.LATE if ails else State.WELL, "ails" if ails else "well", "; ".join(ails)),
        Sign("Outbox", outbox, waits, "how long the oldest page waits that could be sent"),
        Sign("Event loop", State.of(signs.lag_s, LAG_S_MAX), f"{signs.lag_s * 1000:.0f} ms late",
             "at its last look"),
    )  # fmt: skip


def worked_out(found: MonitorHealth, stale_after_s: float, examined_every_s: float) -> tuple[Sign, ...]:
    """How old what is worked out from observations is, and when that is too old."""
    newest = max((one.newest_tick for one in found.vantages), default=None)
    examined_s_max = EXAMINED_TIMES * examined_every_s
    return (
        age("Newest observation", newest, found.now, stale_after_s, "three intervals"),
        age("Last verdict", found.judged_at, found.now, JUDGED_S_MAX, "five minutes"),
        age("Rolled up to", found.rolled_up_to, found.now, ROLLED_UP_S_MAX, "half an hour"),
        age(
            "Last examination", found.examined_at, found.now, examined_s_max,
            f"two times integrity.every, {duration(examined_s_max)}",
        ),
    )  # fmt: skip


def of_vantages(found: MonitorHealth, stale_after_s: float) -> tuple[VantageSigns, ...]:
    """Each vantage, with what is late and what was not seen."""
    return tuple(_vantage(one, found.now, stale_after_s) for one in found.vantages)


def _vantage(one: VantageHealth, now: datetime, stale_after_s: float) -> VantageSigns:
    old_s = max((now - one.newest_tick).total_seconds(), 0.0)
    share = one.not_observed / one.n if one.n else None
    unseen = State.UNKNOWN if share is None else State.of(share, UNSEEN_SHARE_MAX)
    return VantageSigns(one, old_s, State.of(old_s, stale_after_s), share, unseen)
