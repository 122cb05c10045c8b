"""When targets are down: drawn from a seed, each target at instants of its own. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

DRAWS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Outage:
    """A target is down in [start_s, end_s), in seconds of one clock."""

    start_s: float
    end_s: float

    def at(self, now_s: float) -> bool:
        """Whether it is down at *now_s*."""
        return self.start_s <= now_s < self.end_s

    def after(self, zero_s: float) -> Outage:
        """The same outage, counted from *zero_s*."""
        return Outage(self.start_s + zero_s, self.end_s + zero_s)


def drawn(
    subjects: Sequence[str],
    *,
    seed: int,
    window_s: float,
    lasts_s: tuple[float, float],
    at_once_max: int,
    known_s: float,
) -> dict[str, Outage]:
    """
    One outage for each subject: the window has a part for each, where it begins at a random instant.

    At most *at_once_max* are down at once, where one counts as down for *known_s* after it: until everybody has seen
    that it is up again. Raises ValueError when that cannot be had.
    """
    random, part_s = Random(seed), window_s / max(1, len(subjects))
    for _ in range(DRAWS_MAX):
        starts_s = [(place + random.random()) * part_s for place in range(len(subjects))]
        found = [Outage(start_s, start_s + random.uniform(*lasts_s)) for start_s in starts_s]
        if at_once(found, known_s) <= at_once_max:
            return dict(zip(subjects, found, strict=True))
    raise ValueError(f"{len(subjects)} outages do not fit into {window_s:g} s, {at_once_max} at once")


def at_once(outages: Sequence[Outage], known_s: float) -> int:
    """The most outages that are down at one instant, each prolonged by *known_s*."""
    return max(
        (sum(one.start_s <= other.start_s < one.end_s + known_s for one in outages) for other in outages), default=0
    )


def flapping(*, for_s: float, down_s: float, up_s: float) -> tuple[Outage, ...]:
    """Down and up in turn from 0 for *for_s*."""
    period_s = down_s + up_s
    return tuple(Outage(n * period_s, n * period_s + down_s) for n in range(int(for_s // period_s)))
