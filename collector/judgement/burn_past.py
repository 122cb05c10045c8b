"""
What targets have left lately, in order of arrival, so that the counts of any window can be had at any instant.

BurnReader reads it as it grows, looking only where something can have changed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from collector.judgement.blind_spans import BlindSpan, seen_clearly
from collector.judgement.burn_rate import SLOW, BurnReading, Counts, Tally, readings
from schemas.objectives import Alarm, Objective
from schemas.observation import Observation

TRIM_AT = 4096  # events that are too old for every window, before they are dropped
REASONS_MAX = 20
_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


@dataclass(slots=True)
class Track:
    """
    The events of one target under one objective: when each arrived (ms), and how many were bad up to it.

    The first entry stands for everything before; *reasons* are those of the last bad ones.
    """

    provider: str
    cluster: str
    target: str
    objective: Objective
    times: array[int] = field(default_factory=lambda: array("q", [0]))
    bad: array[int] = field(default_factory=lambda: array("q", [0]))
    vantages: list[str] = field(default_factory=lambda: [""])
    reasons: deque[str] = field(default_factory=lambda: deque(maxlen=REASONS_MAX))

    def take(self, one: Observation, good: bool, oldest_ms: int) -> None:
        """Take in an event; what arrived before *oldest_ms* may be forgotten."""
        arrived = max(self.times[-1], (one.finished_at - _EPOCH) // _MS)
        self.times.append(arrived)
        self.bad.append(self.bad[-1] + (not good))
        self.vantages.append(one.vantage)
        if not good:
            self.reasons.append("slow" if self.objective.ttft is not None else str(one.reason))
        if len(self.times) > TRIM_AT and self.times[TRIM_AT] < oldest_ms:
            del self.times[:TRIM_AT], self.bad[:TRIM_AT], self.vantages[:TRIM_AT]

    def forget(self, span: BlindSpan) -> None:
        """Take out what its vantage saw from its start on."""
        start = (span.start - _EPOCH) // _MS
        times, vantages = self.times, self.vantages
        kept = [n for n in range(1, len(times)) if vantages[n] != span.vantage or times[n] < start]
        if len(kept) == len(times) - 1:
            return
        bad, more = array("q", [self.bad[0]]), {n: self.bad[n] - self.bad[n - 1] for n in kept}
        for n in kept:
            bad.append(bad[-1] + more[n])
        self.times = array("q", [times[0], *(times[n] for n in kept)])
        self.bad, self.vantages = bad, ["", *(vantages[n] for n in kept)]

    def counts(self, at: datetime, window_s: float) -> Counts:
        """What arrived in [at - window, at)."""
        until = (at - _EPOCH) // _MS
        low = max(1, bisect_left(self.times, until - round(window_s * 1000)))
        high = bisect_left(self.times, until)
        before = self.bad[low - 1]
        bad = self.bad[high - 1] - before if high > low else 0
        first = self.times[bisect_right(self.bad, before)] if bad else 0
        return Counts(bad, max(0, high - low), _EPOCH + first * _MS if bad else None)

    def tally(self, at: datetime, windows: Sequence[float]) -> Tally:
        """Every one of *windows* at *at*."""
        return Tally(
            provider=self.provider,
            cluster=self.cluster,
            target=self.target,
            objective=self.objective.name,
            windows={window: self.counts(at, window) for window in windows},
            good_since=len(self.bad) - 1 - bisect_left(self.bad, self.bad[-1]),
            reason=Counter(self.reasons).most_common(1)[0][0] if self.reasons else "",
        )

    def may_fire(self, at: datetime, alarm: Alarm) -> bool:
        """Whether a long window of a pair for *alarm* burns: without one nothing can fire."""
        if self.bad[-1] == self.bad[0]:
            return False
        until = (at - _EPOCH) // _MS
        high = bisect_left(self.times, until)
        for pair in self.objective.burn.of(alarm):
            low = max(1, bisect_left(self.times, until - int(pair.long * 1000)))
            bad = self.bad[high - 1] - self.bad[low - 1] if high > low else 0
            if bad and bad > self.objective.bad_above(pair) * (high - low):
                return True
        return False


class Past:
    """The tracks of every target that was seen, under *objectives*."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)
        self._covering: dict[str, tuple[Objective, ...]] = {}  # of each provider
        self._tracks: dict[tuple[str, str], Track] = {}
        longest = [pair.long for objective in objectives for pair in objective.burn.pairs]
        self._reach = timedelta(seconds=max(longest, default=0.0))

    def take(self, observations: Iterable[Observation]) -> set[tuple[str, str]]:
        """Take in *observations*, in order of arrival; the keys of tracks that got a bad one."""
        worse = set()
        for one in observations:
            for objective in self._of(one.provider):
                good = objective.judges(one)
                if good is None:
                    continue
                key = objective.name, one.target
                track = self._tracks.get(key)
                if track is None:
                    track = self._tracks[key] = Track(one.provider, one.cluster, one.target, objective)
                track.take(one, good, (one.finished_at - self._reach - _EPOCH) // _MS)
                if not good:
                    worse.add(key)
        return worse

    def forget(self, span: BlindSpan) -> None:
        """Take out what was seen in *span* and is taken in already."""
        for track in self._tracks.values():
            track.forget(span)

    def _of(self, provider: str) -> tuple[Objective, ...]:
        if provider not in self._covering:
            self._covering[provider] = tuple(one for one in self._objectives if one.covers(provider))
        return self._covering[provider]

    def tracks(self) -> Iterator[tuple[tuple[str, str], Track]]:
        """Every track by its key: objective and target."""
        return iter(self._tracks.items())

    def __getitem__(self, key: tuple[str, str]) -> Track:
        return self._tracks[key]


class BurnReader:
    """The burn rates of a past that grows, under *objectives*."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._past = Past(objectives)
        self._windows = {
            objective.name: tuple(sorted({w for pair in objective.burn.pairs for w in (pair.long, pair.short)}))
            for objective in objectives
        }
        self._forgotten: set[tuple[str, datetime]] = set()  # vantage and start of a span

    def read(
        self,
        facts: Iterable[Observation],
        now: datetime,
        standing: Iterable[BurnReading],
        *,
        blind: Sequence[BlindSpan] = (),
        everywhere: bool,
        tickets: bool,
    ) -> Iterator[BurnReading]:
        """
        Take in *facts*, and read what has to be looked at at *now*.

        That is what just got a bad one, and *everywhere* also what is *standing* and what may fire a page, or one of
        *tickets*. Nothing else can say anything that was not said. What was seen in a *blind* span does not count.
        """
        for span in blind:
            if (span.vantage, span.start) not in self._forgotten:
                self._forgotten.add((span.vantage, span.start))
                self._past.forget(span)
        worse = self._past.take(seen_clearly(facts, blind))
        stood = {(one.objective.removesuffix(SLOW), one.scope.id) for one in standing}
        for key, track in self._past.tracks() if everywhere else ((key, self._past[key]) for key in sorted(worse)):
            if key in worse or key in stood or _due(track, now, tickets=tickets):
                yield from readings([track.tally(now, self._windows[track.objective.name])], (track.objective,), now)


def _due(track: Track, now: datetime, *, tickets: bool) -> bool:
    return track.may_fire(now, Alarm.PAGE) or (tickets and track.may_fire(now, Alarm.TICKET))
