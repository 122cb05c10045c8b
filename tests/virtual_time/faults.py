"""What goes wrong in a simulated week, and when: drawn from a seed, so that a week can be had again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: *kind* at *at_s* (virtual seconds since the start), with how much of it, and whom."""

    at_s: float
    kind: str
    size: float = 0.0
    whom: int = 0


# kind -> (how many a day at density 1, smallest, largest size). Sizes are seconds, but for `workers` and `edit`.
KINDS: dict[str, tuple[float, float, float]] = {
    "collector_down": (4, 30, 2_700),
    "answers_lost": (3, 10, 300),
    "disk_refuses": (2, 5, 1_200),
    "disk_refuses_long": (0.15, 2_400, 5_400),  # longer than memory holds
    "disk_slow": (2, 60, 900),
    "probes_slow": (6, 60, 1_800),
    "provider_down": (8, 20, 3_600),
    "network_cut": (2, 10, 600),
    "loop_busy": (12, 0.2, 25),
    "loop_busy_long": (0.5, 110, 600),
    "clock_forward": (1, 2, 3_600),
    "clock_back": (1, 2, 240),
    "worker_killed": (3, 1, 900),
    "all_killed": (1, 1, 1_200),
    "workers": (1, 1, 4),  # stopped in order, and started with another number of workers
    "edit": (3, 0, 4),  # the configuration is changed
}


def faults(seed: int, length_s: float, density: float, providers: int) -> list[Fault]:
    """The faults of one run in order of time; the first and the last tenth of it are quiet."""
    dice = Random(f"faults|{seed}")
    return sorted(_drawn(dice, length_s, density, providers), key=lambda fault: fault.at_s)


def _drawn(dice: Random, length_s: float, density: float, providers: int) -> Iterator[Fault]:
    for kind, (a_day, smallest, largest) in KINDS.items():
        mean = a_day * density * length_s / DAY_S
        number = int(mean) + (dice.random() < mean % 1)
        for _ in range(number):
            size = smallest * (largest / smallest) ** dice.random() if smallest else dice.uniform(smallest, largest)
            yield Fault(length_s * dice.uniform(0.1, 0.9), kind, size, dice.randrange(providers))
