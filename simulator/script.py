"""The live incidents of a simulated fleet, in seconds from its start: what breaks, how, and when it is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from schemas.incident import Severity

SCRIPT_ENDS_S = 85.0


class Mode(StrEnum):
    """How a cluster misbehaves towards one request."""

    REFUSE = "refuse"  # nobody listens on the port
    UNAVAILABLE = "unavailable"  # 503
    RATE_LIMIT = "rate_limit"  # 429
    ERROR = "error"  # 500
    HANG = "hang"  # not a byte
    LOSE = "lose"  # half an answer, then a reset
    TRUNCATE = "truncate"  # half an answer, then an end without finish reason and end marker
    WRONG = "wrong"  # a whole answer that ignores the prompt
    SLOW = "slow"  # a good answer whose first token comes over the objective


FAILING = frozenset(Mode) - {Mode.WRONG, Mode.SLOW}


@dataclass(frozen=True, slots=True)
class Episode:
    """
    One scripted misbehaviour over [starts_s, starts_s + lasts_s).

    cluster is a full id, or None for every cluster of the provider. severity is that of the page it deserves, None when
    it deserves none.
    """

    provider: str
    cluster: str | None
    severity: Severity | None
    mode: Mode
    starts_s: float
    lasts_s: float

    @property
    def ends_s(self) -> float:
        """The first second after it."""
        return self.starts_s + self.lasts_s

    def covers(self, cluster: str, elapsed_s: float) -> bool:
        """Whether *cluster* (full id) misbehaves at *elapsed_s*."""
        mine = self.cluster == cluster or (self.cluster is None and cluster.startswith(f"{self.provider}/"))
        return mine and self.starts_s <= elapsed_s < self.ends_s


_SCENES: tuple[tuple[Severity | None, Mode, float, float], ...] = (
    (Severity.P0, Mode.REFUSE, 5.0, 20.0),
    (Severity.P1, Mode.ERROR, 20.0, 20.0),
    (Severity.P0, Mode.UNAVAILABLE, 35.0, 20.0),
    (None, Mode.SLOW, 45.0, 25.0),
    (Severity.P0, Mode.HANG, 60.0, 18.0),
)


def script_of(actors: Iterable[tuple[str, str]]) -> tuple[Episode, ...]:
    """The script played by *actors*: five providers, each with the cluster (full id) that breaks if only one does."""
    episodes = tuple(
        Episode(provider, None if severity is Severity.P0 else cluster, severity, mode, starts_s, lasts_s)
        for (provider, cluster), (severity, mode, starts_s, lasts_s) in zip(actors, _SCENES, strict=True)
    )
    assert all(episode.ends_s <= SCRIPT_ENDS_S for episode in episodes)
    return episodes


ACTORS = len(_SCENES)
