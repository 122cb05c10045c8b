"""Do two providers fail together more than chance explains? docs/correlation.md has procedure and error rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations

import numpy as np
import numpy.typing as npt

from collector.judgement.correlation.buckets import BUCKET_S, DAY_BUCKETS, Both, Watched
from collector.judgement.correlation.chance_by_hour import chance_by_hour
from collector.judgement.correlation.chance_by_shift import chance_by_shift
from collector.judgement.correlation.episodes import episodes
from collector.judgement.correlation.false_discovery import q_values

Q_MAX = 0.05
EPISODES_MIN = 3  # of each; fewer can meet by one accident of the internet
SHARED_MIN = 3  # episodes down together
DAYS_MIN = 7  # seen together
LINK_SHARE = 0.5  # of the down time of the one that is down less

Chances = npt.NDArray[np.float64]


class Standing(StrEnum):
    """What is said of a pair."""

    TOGETHER = "fail_together"
    NOT_FOUND = "not_found"  # which is not "independent": see what would have been found
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoFailure:
    """
    Two providers over the buckets in which both were seen; a < b. Numbers are buckets of BUCKET_S seconds.

    p_shift, p_hour: the probability of as much by chance alone, in two ways; None when there is too little. q: of the
    larger, over all pairs. smallest: so many buckets down together, in SHARED_MIN outages, are always found, whatever
    other pairs do; None when not even being down only together is.
    """

    a: str
    b: str
    n: int
    left_out: int
    down_a: int
    down_b: int
    both: int
    episodes_a: int
    episodes_b: int
    episodes_both: int
    p_shift: float | None = None
    p_hour: float | None = None
    q: float | None = None
    smallest: int | None = None

    @property
    def p(self) -> float | None:
        """The larger of the two: chance must be ruled out in both ways."""
        return None if self.p_shift is None or self.p_hour is None else max(self.p_shift, self.p_hour)

    @property
    def expected(self) -> float:
        """Buckets down together, were the two independent."""
        return self.down_a * self.down_b / self.n if self.n else 0.0

    @property
    def lift(self) -> float | None:
        """How many times as often down together as expected; None when nothing is expected."""
        return self.both / self.expected if self.expected else None

    @property
    def smallest_lift(self) -> float | None:
        """The smallest lift that is always found."""
        return self.smallest / self.expected if self.smallest is not None and self.expected else None

    @property
    def share(self) -> float | None:
        """Down together, of the down time of the one that is down less."""
        least = min(self.down_a, self.down_b)
        return self.both / least if least else None

    @property
    def standing(self) -> Standing:
        """What is said of them."""
        if self.q is None:
            return Standing.INSUFFICIENT
        found = self.q <= Q_MAX and self.episodes_both >= SHARED_MIN
        return Standing.TOGETHER if found else Standing.NOT_FOUND

    @property
    def linked(self) -> bool:
        """Whether they count as one supplier: they fail together, and one of them half of the time or more."""
        return self.standing is Standing.TOGETHER and (self.share or 0.0) >= LINK_SHARE

    def minutes(self, buckets: float) -> float:
        """*buckets* in minutes."""
        return buckets * BUCKET_S / 60


def co_failures(watched: Watched) -> tuple[CoFailure, ...]:
    """Every pair of providers, in order of their names."""
    measured = list(_measured(watched))
    tested = [(one, chances) for one, chances in measured if chances is not None]
    qs = iter(q_values([one.p for one, _ in tested if one.p is not None]))
    level = Q_MAX / max(1, len(tested))
    return tuple(
        one if chances is None else replace(one, q=next(qs), smallest=_smallest(chances, level))
        for one, chances in measured
    )


def _measured(watched: Watched) -> Iterator[tuple[CoFailure, Chances | None]]:
    """Each pair, with the chance of 0, 1, ... buckets down together; None when there is too little to say."""
    for a, b in combinations(watched.providers, 2):
        both = watched.both(a, b)
        one = _counted(a, b, both)
        if one.n < DAYS_MIN * DAY_BUCKETS or min(one.episodes_a, one.episodes_b) < EPISODES_MIN:
            yield one, None
            continue
        by_shift, by_hour = chance_by_shift(both), chance_by_hour(both)
        p_shift, p_hour = float(by_shift[one.both]), float(by_hour[one.both])
        yield replace(one, p_shift=p_shift, p_hour=p_hour), np.maximum(by_shift, by_hour)


def _counted(a: str, b: str, both: Both) -> CoFailure:
    together = both.a & both.b
    return CoFailure(
        a=a,
        b=b,
        n=int(np.count_nonzero(both.kept)),
        left_out=both.left_out,
        down_a=int(np.count_nonzero(both.a)),
        down_b=int(np.count_nonzero(both.b)),
        both=int(np.count_nonzero(together)),
        episodes_a=len(episodes(both.a)),
        episodes_b=len(episodes(both.b)),
        episodes_both=len(episodes(together)),
    )


def _smallest(chances: Chances, level: float) -> int | None:
    found = np.flatnonzero(chances <= level)
    return int(found[0]) if found.size else None
