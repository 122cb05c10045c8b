"""Where runs happen: the server on the first core, clients on the last, each run in a folder of its own."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

OFFSET_TRIES = 200
# For our own programs, which run in folders of their own. A peer must not find our packages.
OUR_ENVIRON: Mapping[str, str] = MappingProxyType({"PYTHONPATH": str(Path(__file__).resolve().parents[2])})


@dataclass(frozen=True, slots=True)
class Cores:
    """On a machine of one core both are the same, and the two fight."""

    server: int
    client: int


def cores() -> Cores:
    """The first and the last core that this process may use."""
    ours = sorted(os.sched_getaffinity(0))
    return Cores(ours[0], ours[-1])


@contextmanager
def run_folder() -> Iterator[Path]:
    """An empty folder that goes with the run."""
    with tempfile.TemporaryDirectory(prefix="bench-measure-") as name:
        yield Path(name)


def wall_to_monotonic_ns() -> int:
    """What to add to wall time to have monotonic time, from the tightest of some readings of both."""
    tightest, offset = None, 0
    for _ in range(OFFSET_TRIES):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if tightest is None or after - before < tightest:
            tightest, offset = after - before, (before + after) // 2 - wall
    return offset
