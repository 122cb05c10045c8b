"""
How fast error budgets burn: `readings(tallies, objectives, at)`, each with its verdict, its why and its numbers.

The same function serves the collector, the back-test and the Monte Carlo; `touchstone rules` says it in PromQL. Each
objective is watched on each target twice: its pages (`NAME`) and its tickets (`NAME/slow`), which come and go apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from collector.judgement.availability import wilson
from schemas.incident import Level, Scope, Signal
from schemas.objectives import Alarm, BurnPair, Objective

SLOW = "/slow"  # behind the name of an objective: its tickets


class BurnVerdict(StrEnum):
    """What one reading says; `stands` says what follows."""

    PAGE = "page"
    TICKET = "ticket"
    HOLDING = "holding"  # it does not fire, and it is not proven to be over
    CLEAR = "clear"
    UNKNOWN = "unknown"  # nothing is known of late: never clear


FIRING = frozenset({BurnVerdict.PAGE, BurnVerdict.TICKET})


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known of one target and objective in one window; *first_bad* is the tick of its first bad one."""

    bad: int
    total: int
    first_bad: datetime | None = None

    @property
    def share(self) -> float:
        """The share of bad ones; 0 when nothing is known."""
        return self.bad / self.total if self.total else 0.0


NOTHING = Counts(0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """
    The counts of one target under one objective, by window in s; of its newest bad ones the reason, and ids.

    good_since: how many good ones came after the last bad one; None when that was not looked up. A window without a
    bad one says that they are at least as many.
    """

    provider: str
    cluster: str
    target: str
    objective: str
    windows: Mapping[float, Counts] = field(default_factory=dict)
    good_since: int | None = None
    reason: str = ""
    observations: tuple[str, ...] = ()

    def within(self, window_s: float) -> Counts:
        """The counts of one window; nothing where it was not counted."""
        return self.windows.get(window_s, NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnReading:
    """
    How the budget of one objective burns on one target at an instant. *rule* is the pair with its numbers.

    short and long: its windows, which remember for so long what is over. fresh: the short one alone has enough bad
    ones.
    """

    scope: Scope
    provider: str
    cluster: str
    signal: Signal
    objective: str
    verdict: BurnVerdict
    rule: str
    at: datetime
    since: datetime
    reason: str
    observations: tuple[str, ...] = ()
    short: timedelta = timedelta()
    long: timedelta = timedelta()
    fresh: bool = True

    @property
    def slow(self) -> bool:
        """Whether it is about tickets."""
        return self.objective.endswith(SLOW)


def readings(tallies: Iterable[Tally], objectives: Sequence[Objective], at: datetime) -> tuple[BurnReading, ...]:
    """What each of *tallies* says at *at*: pages and tickets of its objective, where its policy has such pairs."""
    by_name = {objective.name: objective for objective in objectives}
    return tuple(reading for tally in tallies for reading in _of_tally(tally, by_name[tally.objective], at))


def stands(verdict: BurnVerdict, stood: bool) -> bool:
    """Whether an alarm stands after *verdict*: PAGE and TICKET raise it, CLEAR ends it, all else changes nothing."""
    return verdict in FIRING or (stood and verdict is not BurnVerdict.CLEAR)


def holds(objective: Objective, pair: BurnPair, tally: Tally) -> bool:
    """Whether *pair* fires: both windows burn, the long one on enough evidence. This is what the exported rules say."""
    short = tally.within(pair.short)
    return short.share > objective.bad_above(pair) and _burns(objective, pair, tally.within(pair.long))


def _of_tally(tally: Tally, objective: Objective, at: datetime) -> Iterator[BurnReading]:
    for alarm in Alarm:
        pairs = objective.burn.of(alarm)
        if not pairs or any(pair.long not in tally.windows or pair.short not in tally.windows for pair in pairs):
            continue  # not asked for, or not counted
        verdict, pair = _judged(tally, objective, pairs)
        long = tally.within(pair.long)
        yield BurnReading(
            scope=Scope(Level.TARGET, tally.target),
            provider=tally.provider,
            cluster=tally.cluster,
            signal=Signal.ERROR_BURN if objective.ttft is None else Signal.LATENCY_BURN,
            objective=objective.name + (SLOW if alarm is Alarm.TICKET else ""),
            verdict=verdict,
            rule=_said(objective, pair, tally),
            at=at,
            since=long.first_bad or at,
            reason=tally.reason,
            observations=tally.observations,
            short=timedelta(seconds=pair.short),
            long=timedelta(seconds=pair.long),
            fresh=tally.within(pair.short).bad >= objective.burn.bad_min,
        )


def _judged(tally: Tally, objective: Objective, pairs: tuple[BurnPair, ...]) -> tuple[BurnVerdict, BurnPair]:
    """The verdict, and the pair that it is about: the one that fires, else the first."""
    lately = tally.within(min(pair.short for pair in pairs))
    if not any(counts.bad for counts in tally.windows.values()):
        return (BurnVerdict.CLEAR if lately.total else BurnVerdict.UNKNOWN), pairs[0]
    half = min(objective.bad_above(pair) for pair in pairs) / 2
    firing = [pair for pair in pairs if holds(objective, pair, tally)]
    over = _below(lately, half) and _over(tally, objective, max((pair.short for pair in firing), default=0.0))
    if firing and not over:
        return (BurnVerdict.PAGE if firing[0].alarm is Alarm.PAGE else BurnVerdict.TICKET), firing[0]
    burning = [pair for pair in pairs if _burns(objective, pair, tally.within(pair.long))]
    lasting = [pair for pair in pairs if _lasts(objective, pair, tally)]
    about = (*firing, *burning, *lasting, *pairs)[0]
    if not lately.total:
        return BurnVerdict.UNKNOWN, about
    ended = over or not (burning or lasting)
    return (BurnVerdict.CLEAR if ended and _below(lately, half) else BurnVerdict.HOLDING), about


def _lasts(objective: Objective, pair: BurnPair, tally: Tally) -> bool:
    """Whether the short window of *pair* burns on enough bad ones, whatever its long one has forgotten meanwhile."""
    short = tally.within(pair.short)
    return short.share > objective.bad_above(pair) and short.bad >= objective.burn.bad_min


def _burns(objective: Objective, pair: BurnPair, long: Counts) -> bool:
    """Whether the long window of *pair* burns on enough bad ones; for tickets also at Wilson's lower bound."""
    limit = objective.bad_above(pair)
    if long.share <= limit or long.bad < objective.burn.bad_min:
        return False
    if pair.alarm is Alarm.PAGE:
        return True
    return wilson(long.share, long.total, confidence=objective.burn.confidence)[0] > limit


def _over(tally: Tally, objective: Objective, longer_than: float) -> bool:
    """
    Whether a burn has ended, though some window still remembers it: so many good ones in a row are no luck.

    The upper bound of what they could hide is below the lower bound of the share of bad ones before them, in a window
    *longer_than* those that fire: it forgets the burn only after they did, so what is over stays over.
    """
    clean = max((counts.total for counts in tally.windows.values() if not counts.bad), default=0)
    run, policy = max(clean, tally.good_since or 0), objective.burn
    if not run:
        return False
    upper = wilson(0.0, run, confidence=policy.confidence)[1]
    return any(
        upper < wilson(counts.bad / before, before, confidence=policy.confidence)[0]
        for window, counts in tally.windows.items()
        if window > longer_than and counts.bad >= policy.bad_min and (before := counts.total - run) >= counts.bad
    )


def _below(counts: Counts, half: float) -> bool:
    return counts.total > 0 and (counts.bad == 0 or counts.share < half)


def _said(objective: Objective, pair: BurnPair, tally: Tally) -> str:
    long, short = tally.within(pair.long), tally.within(pair.short)
    bound = ""
    if pair.alarm is Alarm.TICKET and long.total:
        sure = objective.burn.confidence
        low = _times(objective, wilson(long.share, long.total, confidence=sure)[0])
        bound = f"at least {low} at {sure * 100:g} %, "
    limit = f"{pair.threshold(objective.window):.3g}x"
    return (
        f"burns {_times(objective, long.share)} over {_span(pair.long)} and {_times(objective, short.share)} over "
        f"{_span(pair.short)} (more than {limit}; {bound}{long.bad} bad of {long.total})"
    )


def _times(objective: Objective, share: float) -> str:
    if not objective.budget:
        return "no budget" if share else "0x"
    burn = share / objective.budget
    return f"{burn:.3g}x" if burn < 1000 else f"{math.floor(burn)}x"


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
