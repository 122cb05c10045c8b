"""A month of a small fleet, with everything that befalls it and us, by seed: what is true, before anybody looks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

DAY_S = 86_400.0
SLOT_S = 6 * 3600.0
FLEET = {
    "acme": {"east": ("chat", "code"), "mid": ("chat", "code"), "west": ("chat", "code")},
    "bolt": {"one": ("chat",)},
    "coil": {"one": ("chat",), "two": ("chat",)},
    "dyne": {"one": ("chat", "code")},
    "eden": {"one": ("chat",)},
    "fern": {"one": ("chat",)},
}
TARGETS = tuple(
    f"{provider}/{cluster}/{target}"
    for provider, clusters in FLEET.items()
    for cluster, targets in clusters.items()
    for target in targets
)
SCOPES = (*FLEET, "acme/east", "acme/mid", "coil/two", "acme/west/code", "acme/mid/chat", "dyne/one/chat")
RECEIVERS = ("on-call", "hook")


class Kind(StrEnum):
    """What may happen in a slot of the month; the last four befall us at any time."""

    OUTAGE = "outage"
    BLIND_OUTAGE = "blind_outage"  # and in its middle the agent dies
    FLAPS = "flaps"
    BROWN_OUT = "brown_out"
    NETWORK_CUT = "network_cut"  # our own way out is down, and the agent knows
    NETWORK_LOST = "network_lost"  # the same, and it does not know
    AGENT_DEAD = "agent_dead"
    COLLECTOR_KILLED = "collector_killed"
    CLOCK_STEP = "clock_step"
    RECEIVER_FAULT = "receiver_fault"


OURS = (Kind.COLLECTOR_KILLED, Kind.CLOCK_STEP, Kind.RECEIVER_FAULT)
WORLDLY = tuple(kind for kind in Kind if kind not in OURS)


@dataclass(frozen=True, slots=True)
class Episode:
    """
    One thing that happens from *start_s* to *end_s*, in seconds of the month.

    scope is of the fleet, '' for all, or the name of a receiver. figure: errors of a brown-out (share), a clock's step
    (s), a receiver's status (0 hangs, -1 takes the page and drops the answer).
    """

    kind: Kind
    scope: str
    start_s: float
    end_s: float
    figure: float = 0.0

    def holds(self, second: float) -> bool:
        """Whether it is going on."""
        return self.start_s <= second < self.end_s

    def about(self, target: str) -> bool:
        """Whether *target* is inside."""
        return not self.scope or target == self.scope or target.startswith(f"{self.scope}/")


def month(seed: int, days: float = 30.0) -> tuple[Episode, ...]:
    """What befalls the month of *seed*, in order of time."""
    dice = random.Random(f"month|{seed}")
    slots = int(days * DAY_S / SLOT_S)
    found = []
    for slot in range(slots):
        if dice.random() < 0.4:
            found.append(_worldly(dice, slot * SLOT_S + dice.uniform(600, 3600)))
    for kind, a_day in ((Kind.COLLECTOR_KILLED, 1.0), (Kind.CLOCK_STEP, 0.3), (Kind.RECEIVER_FAULT, 1.0)):
        found += [_ours(kind, dice, dice.uniform(0, days * DAY_S)) for _ in range(max(1, round(a_day * days)))]
    return tuple(sorted(found, key=lambda one: (one.start_s, one.kind, one.scope)))


def _worldly(dice: random.Random, start_s: float) -> Episode:
    kind = dice.choice((*WORLDLY, Kind.OUTAGE, Kind.OUTAGE, Kind.OUTAGE))
    lasts_s = dice.uniform(180, 5400)
    if kind is Kind.BLIND_OUTAGE:
        lasts_s = dice.uniform(3600, 5400)
    scope = "" if kind in {Kind.NETWORK_CUT, Kind.NETWORK_LOST, Kind.AGENT_DEAD} else dice.choice(SCOPES)
    if kind in {Kind.NETWORK_CUT, Kind.NETWORK_LOST, Kind.AGENT_DEAD}:
        lasts_s = max(lasts_s, 480)
    figure = dice.uniform(0.1, 0.3) if kind is Kind.BROWN_OUT else 0.0
    return Episode(kind, scope, start_s, start_s + lasts_s, figure)


def _ours(kind: Kind, dice: random.Random, start_s: float) -> Episode:
    if kind is Kind.COLLECTOR_KILLED:
        return Episode(kind, "", start_s, start_s + dice.choice((0.0, 5.0, 30.0, 600.0)))
    if kind is Kind.CLOCK_STEP:
        return Episode(kind, "", start_s, start_s + dice.uniform(60, 7200), dice.choice((-60.0, -5.0, 5.0, 60.0)))
    status = dice.choice((429.0, 503.0, 500.0, 0.0, -1.0))
    return Episode(kind, dice.choice(RECEIVERS), start_s, start_s + dice.uniform(30, 2400), status)
