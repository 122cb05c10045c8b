"""
How busy a simulated engine is, beside what is asked here: by seed and time alone, so past and present are one curve.

A base near what its cache holds, a curve over the day of its region, and little chance. Some grow for two months until
capacity was added; some run into the limit of their batch long before their cache is full; who is oversubscribed queues
in the hours in which it turns requests away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from simulator.dice import fraction, number
from simulator.personality import Peak
from simulator.world import Cloud, Site, World

DAY_S = 86400.0
HOUR_S = 3600.0
SLOT_S = 30.0  # chance is drawn anew in each
SEATS_PER_GPU = 5  # requests that fill the cache
GROWS_D = 60.0
GROWS_BY = 0.26  # of the cache, in that time
PEAK_HOUR = 15.0  # of the region's own day
# In the order in which a past has them.
FIGURES = (
    "running", "waiting", "kv_cache_share", "gpu_util_share", "gpus", "gpus_with_xid", "gpus_row_remap_failed",
    "gpu_ecc_double_bit",
)  # fmt: skip
_OFFSET_H: Mapping[str, float] = {"us-east": -5.0, "us-west": -8.0, "eu-west": 0.0, "eu-north": 1.0, "ap-south": 5.5}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EngineLoad:
    """The engine of one cluster of a world, and the GPUs that it is on."""

    world: World
    cloud: Cloud
    site: Site

    def figures(self, seconds: Floats) -> dict[str, Floats]:
        """What its page tells at *seconds* since the epoch, by the probe's names; what it does not tell is left out."""
        seats, demand = self._seats, self._demand(seconds)
        running = np.floor(np.minimum(demand * seats, self._batch))
        large = 1 + 0.02 * self._chance("large", np.floor(seconds / SLOT_S))
        kv = np.minimum(0.995, running / seats * large)
        util = np.minimum(0.985, 0.88 + 0.11 * kv + 0.004 * self._chance("use", np.floor(seconds / SLOT_S)))
        static = {name: np.full(seconds.shape, float(value)) for name, value in self._gpus.items()}
        waiting = np.floor(np.maximum(0.0, demand * seats - self._batch))
        return {"running": running, "waiting": waiting, "kv_cache_share": kv, "gpu_util_share": util, **static}

    def now(self, second: float) -> dict[str, float]:
        """The same of one instant."""
        return {name: float(values[0]) for name, values in self.figures(np.array([second])).items()}

    def _demand(self, seconds: Floats) -> Floats:
        """What is asked of it, as a share of its seats."""
        day, hour = seconds / DAY_S, seconds % DAY_S / HOUR_S
        local = hour + _OFFSET_H[self.site.region]
        base, swing = 0.64 + 0.14 * self._drawn("base"), 0.05 + 0.05 * self._drawn("swing")
        demand = base + swing * np.cos(2 * math.pi * (local - PEAK_HOUR) / 24)
        demand += 0.012 * self._chance("day", np.floor(day)) + 0.02 * self._chance("slot", np.floor(seconds / SLOT_S))
        if self.grows:
            demand += GROWS_BY * ((day / GROWS_D + self._drawn("since")) % 1.0) - GROWS_BY / 2
        if (peak := self._peak) is not None:
            demand += np.where((hour >= peak.from_hour) & (hour < peak.to_hour), 0.35, 0.0)
        return np.maximum(0.02, demand)

    @property
    def grows(self) -> bool:
        """Whether it is one of those that fill up."""
        return self._drawn("grows") < 0.15

    @property
    def _id(self) -> str:
        return f"{self.cloud.id}/{self.site.name}"

    @property
    def _seats(self) -> int:
        return SEATS_PER_GPU * self.site.count

    @property
    def _batch(self) -> float:
        """The most that it runs at once."""
        return self._seats * (0.62 if self._drawn("batch") < 0.06 else 0.97)

    @property
    def _peak(self) -> Peak | None:
        return self.cloud.personality.peak

    @cached_property
    def _gpus(self) -> dict[str, int]:
        """Some pages lack a machine, some GPUs are sick, half of the clouds leave the exporter's ECC counters off."""
        found = {
            "gpus": self.site.count - (8 if self._drawn("short") < 0.08 else 0),
            "gpus_with_xid": int(self._drawn("xid") < 0.1),
            "gpus_row_remap_failed": int(self._drawn("remap") < 0.03),
        }
        if fraction(self.world.seed, "load", "ecc", self.cloud.id) < 0.5:
            found["gpu_ecc_double_bit"] = 2 if self._drawn("ecc") < 0.05 else 0
        return found

    def _drawn(self, what: str) -> float:
        return fraction(self.world.seed, "load", what, self._id)

    def _chance(self, what: str, slots: Floats) -> Floats:
        """Evenly in [-1, 1), the same for the same slot (splitmix64)."""
        mixed = slots.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(
            number(self.world.seed, "load", what, self._id)
        )
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
        even: Floats = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / (1 << 52)
        return even - 1.0
