"""How far a subject has come on its grid. Whatever the wall clock does, no tick is taken twice, none unnoticed left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from probes.contract import Subject
from probes.schedule import Grid
from probes.spool import Seen

GAP_TICKS_MAX = 8_640  # a day of ticks 10 s apart: of a longer absence the oldest are left as a hole
AHEAD_MAX = timedelta(days=1)  # a clock that was further ahead than this was plainly wrong
SPANS_MAX = 16  # times that the clock was set back, remembered

Span = tuple[datetime, datetime]  # first and last tick


@dataclass(slots=True)
class Course:
    """
    One subject on its grid. *following* is the next tick to take; all from *since* until it are taken.

    *earlier* are spans that were taken before the clock was set back, and are passed over. A taken tick has its
    observation, or is being asked, or is `missed` (below).
    """

    subject: Subject
    grid: Grid
    trail: str
    interval: timedelta
    since: datetime
    following: datetime
    earlier: list[Span] = field(default_factory=list)
    settled: frozenset[Span] = frozenset()  # of the earlier ones, those known to be complete
    succeeded: datetime | None = None  # when it took over from another grid, whose time before is not its own

    @classmethod
    def begun(cls, subject: Subject, now: datetime, seen: Seen | None = None, *, new: bool = False) -> Course:
        """
        The course of a subject taken up at *now*, of which *seen* is remembered.

        What passed since it is known to have been probed is missed, unless it is *new*, or was never seen. What was
        taken by a clock that was ahead is passed over, as long as that was no more than a day.
        """
        grid = subject.grid
        following = grid.after(now)
        course = cls(subject, grid, subject.trail, grid.interval, following, following)
        if seen is not None and seen.start is not None and seen.start <= now and not new:
            first = grid.after(seen.start - timedelta(milliseconds=1))
            course.since = max(first, following - grid.interval * GAP_TICKS_MAX)
        if seen is not None and (ahead := [tick for tick in (*seen.ticks, seen.since) if now < tick < now + AHEAD_MAX]):
            course.earlier.append((following, max(ahead)))
            course._go_on_at(following)
        return course

    def take(self) -> datetime:
        """The next tick, and go on to the one after it."""
        tick = self.following
        self.following = self.grid.after(tick)
        if self.earlier:
            self._go_on_at(self.following)
        return tick

    def leap(self, now: datetime) -> None:
        """Take every tick before the last one up to *now* without asking; they are missed."""
        last = self.grid.before(self.grid.after(now))
        kept = last - self.interval * GAP_TICKS_MAX
        if self.following < kept:
            self._close()
            self.since = kept
        self._go_on_at(max(self.following, last))

    def rewind(self, now: datetime) -> None:
        """The clock was set back to *now*: go on there, past what was taken already."""
        start = now if self.succeeded is None else max(now, self.succeeded)
        if self.grid.after(start) < self.following:
            self.resume(start)

    def resume(self, now: datetime) -> None:
        """Go on at *now*: what was not taken until then is not taken any more, what was is passed over."""
        self._close()
        self.since = self.grid.after(now)
        self._go_on_at(self.since)

    def until(self, now: datetime) -> datetime:
        """The last tick that was taken, or *now* when that is later; a clock that was plainly wrong does not count."""
        lasts = [last for _, last in (*self.earlier, (self.since, self._last)) if last < now + AHEAD_MAX]
        return max(now, *lasts) if lasts else now

    def settle(self) -> datetime:
        """Every tick that was taken so far has its observation; the last of them."""
        self._close()
        self.since, self.settled = self.following, frozenset(self.earlier)
        return max((last for _, last in self.earlier), default=self._last)

    def spans(self) -> tuple[Span, ...]:
        """Every span of taken ticks that may want for observations, as far back as is remembered."""
        return (*(span for span in self.earlier if span not in self.settled), (self.since, self._last))

    def _go_on_at(self, tick: datetime) -> None:
        """The next tick is *tick*, or the first after it that was not taken earlier."""
        for first, last in sorted(self.earlier):
            if first <= tick <= last:
                tick = self.grid.after(last)
        self.following = tick

    @property
    def _last(self) -> datetime:
        return self.grid.before(self.following)

    def _close(self) -> None:
        if self.since <= self._last:
            self.earlier.append((self.since, self._last))
            del self.earlier[:-SPANS_MAX]


def missed(grid: Grid, spans: Sequence[Span], seen: Seen | None, under_way: Collection[datetime]) -> list[datetime]:
    """The ticks of *spans*, ascending, that are neither *seen* nor *under_way*, as far back as is remembered."""
    known = seen.ticks if seen is not None else frozenset()
    found: set[datetime] = set()
    for first, last in spans:
        start = max(first, last - grid.interval * GAP_TICKS_MAX)
        if seen is not None:
            start = max(start, seen.since)
        ticks = grid.between(start - timedelta(milliseconds=1), last)
        found.update(tick for tick in ticks if tick not in known and tick not in under_way)
    return sorted(found)
