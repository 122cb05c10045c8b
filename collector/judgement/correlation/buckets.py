"""What providers did in buckets of five minutes, by vantage, and what two of them did where both were seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from collector.judgement.blind_spans import BlindSpan

BUCKET_S = 300
DAY_BUCKETS = 86_400 // BUCKET_S
OTHERS_MIN = 2  # at least so many beside a pair, and half of them, must be down before our own side is suspected

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """
    *provider* as it was seen from *vantage*: masks over the buckets of a window, which is of whole days.

    seen: something was asked, and it is known what became of it. down: of what one of its clusters was asked at least
    half failed by the provider's fault; only where it was seen.
    """

    provider: str
    vantage: str
    seen: Mask
    down: Mask


@dataclass(frozen=True, slots=True, eq=False)
class Both:
    """
    Two providers where they can be compared: masks over the buckets of a window.

    kept: both were seen from one vantage, and our own side was not suspected. a, b: down, by at least half of the
    vantages that are kept. left_out: buckets in which both were seen, but our own side was suspected everywhere. Days
    of the window without a bucket that is kept are not there: they would only be gaps to shift outages into.
    """

    kept: Mask
    a: Mask
    b: Mask
    left_out: int


class Watched:
    """All providers over the same buckets."""

    def __init__(self, sights: Iterable[Sight]) -> None:
        self._sights = {(one.provider, one.vantage): one for one in sights}
        self.providers = tuple(sorted({provider for provider, _ in self._sights}))
        self.vantages = tuple(sorted({vantage for _, vantage in self._sights}))
        self._seen = {vantage: self._number(vantage, "seen") for vantage in self.vantages}
        self._down = {vantage: self._number(vantage, "down") for vantage in self.vantages}

    def both(self, a: str, b: str) -> Both:
        """The providers *a* and *b* side by side; both are among the providers."""
        halves = {vantage: self._half_down(vantage, (a, b)) for vantage in self.vantages}
        alone = np.sum(list(halves.values()), axis=0, dtype=np.int32) == 1
        met, votes, down_a, down_b = (np.zeros(alone.size, dtype=np.int32) for _ in range(4))
        for vantage in self.vantages:
            one, other = (self._sights.get((provider, vantage)) for provider in (a, b))
            if one is None or other is None:
                continue
            seen = one.seen & other.seen
            kept = seen & ~(halves[vantage] & alone)
            met += seen
            votes += kept
            down_a += one.down & kept
            down_b += other.down & kept
        kept = votes > 0
        days = np.repeat(kept.reshape(-1, DAY_BUCKETS).any(axis=1), DAY_BUCKETS)
        return Both(
            kept=kept[days],
            a=(kept & (2 * down_a >= votes))[days],
            b=(kept & (2 * down_b >= votes))[days],
            left_out=int(np.count_nonzero((met > 0) & ~kept)),
        )

    def _half_down(self, vantage: str, pair: tuple[str, str]) -> Mask:
        """Where half of all providers but *pair* are down from there: if no other vantage sees it, it may be us."""
        seen, down = self._seen[vantage].copy(), self._down[vantage].copy()
        for provider in pair:
            if (one := self._sights.get((provider, vantage))) is not None:
                seen -= one.seen
                down -= one.down
        half: Mask = (down >= OTHERS_MIN) & (2 * down >= seen)
        return half

    def _number(self, vantage: str, what: str) -> npt.NDArray[np.int32]:
        """How many providers are seen, or down, from there in each bucket."""
        masks = [getattr(one, what) for (_, place), one in self._sights.items() if place == vantage]
        number: npt.NDArray[np.int32] = np.sum(masks, axis=0, dtype=np.int32)
        return number


def seen_clearly(sights: Iterable[Sight], spans: Sequence[BlindSpan], begins: datetime) -> tuple[Sight, ...]:
    """*sights* without what a vantage saw while it could not see the providers; buckets count from *begins*."""
    return tuple(_clear(one, [span for span in spans if span.vantage == one.vantage], begins) for one in sights)


def _clear(one: Sight, spans: Sequence[BlindSpan], begins: datetime) -> Sight:
    clear = np.ones(one.seen.size, dtype=bool)
    for span in spans:
        first = int((span.start - begins).total_seconds() // BUCKET_S)
        last = clear.size if span.end is None else int((span.end - begins).total_seconds() // BUCKET_S) + 1
        clear[max(0, first) : max(0, last)] = False
    return replace(one, seen=one.seen & clear, down=one.down & clear)
