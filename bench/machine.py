"""What machine a bench ran on, and what else ran on it meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Watch:
    """Made before the runs; `facts` after them."""

    start: float = field(default_factory=time.monotonic)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    busy_before_s: float = field(default_factory=lambda: _busy_s()[0])
    stolen_before_s: float = field(default_factory=lambda: _busy_s()[1])

    def facts(self) -> dict[str, Any]:
        """The machine, and how many cores neighbours kept busy, inside it and (stolen) outside."""
        wall_s = time.monotonic() - self.start
        busy_s, stolen_s = _busy_s()
        others_s = busy_s - self.busy_before_s - _own_s()
        return {
            "cpu": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
            "system": f"{platform.system()} {platform.release()}",
            "load_average_before": round(self.load_before, 2),
            "load_average_after": round(os.getloadavg()[0], 2),
            "cores_busy_with_others": round(max(0.0, others_s / wall_s), 2),
            "cores_stolen": round((stolen_s - self.stolen_before_s) / wall_s, 3),
        }


def _busy_s() -> tuple[float, float]:
    """Core-seconds since boot that were used here, and that the hypervisor gave to others."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    user, nice, system, _idle, _wait, hard, soft, stolen = ticks[:8]
    second = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + hard + soft) / second, stolen / second


def _own_s() -> float:
    """CPU of this process and of all its ended children."""
    parts = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in parts)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
