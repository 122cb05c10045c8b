"""
Several viewers at once, in a process of their own: `python -m bench.dashboard.viewers` reads what to do from its
standard input and prints what they saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

import aiohttp

from bench.dashboard.places import Place
from bench.dashboard.viewer import Looked, look
from touchstone.niceness import stand_back

NICE = 10  # of a process that stands for twenty other machines


@dataclass(frozen=True, slots=True)
class Crowd:
    """What one run of viewers saw; *cpu_s* is what they took themselves."""

    viewers: int
    looked: Looked
    cpu_s: float
    wall_s: float


async def crowd(url: str, places: Sequence[Place], viewers: int, *, for_s: float, stay_s: float) -> Crowd:
    """*viewers* at *url* for *for_s* seconds, each on a tour that begins elsewhere."""
    asked = {"url": url, "viewers": viewers, "for_s": for_s, "stay_s": stay_s}
    asked["places"] = [[place.name, place.query] for place in places]
    pipe = asyncio.subprocess.PIPE
    words = [sys.executable, "-m", "bench.dashboard.viewers"]
    process = await asyncio.create_subprocess_exec(
        *words, stdin=pipe, stdout=pipe, start_new_session=True, preexec_fn=partial(stand_back, NICE)
    )
    said, _ = await process.communicate(json.dumps(asked).encode())
    told = json.loads(said)
    return Crowd(viewers, Looked(**told["looked"]), told["cpu_s"], told["wall_s"])


async def _all(url: str, places: list[Place], viewers: int, for_s: float, stay_s: float) -> Looked:
    looked = Looked()
    async with aiohttp.ClientSession() as session:
        tasks = [
            asyncio.create_task(
                look(session, url, tour_of(places, number), looked, stay_s=stay_s, after_s=number * stay_s / viewers)
            )
            for number in range(viewers)
        ]
        _, running = await asyncio.wait(tasks, timeout=for_s)
        for task in running:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                looked.faults.append(f"a viewer left: {type(ended).__name__} {ended}")
    return looked


def tour_of(places: Sequence[Place], number: int) -> list[Place]:
    """All of *places*, from another one on for each *number*."""
    at = number % len(places)
    return [*places[at:], *places[:at]]


def main() -> int:
    """The process."""
    asked = json.load(sys.stdin)
    places = [Place(name, query) for name, query in asked["places"]]
    began_s = time.monotonic()
    looked = asyncio.run(_all(asked["url"], places, asked["viewers"], asked["for_s"], asked["stay_s"]))
    told = {"looked": asdict(looked), "cpu_s": time.process_time(), "wall_s": time.monotonic() - began_s}
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
