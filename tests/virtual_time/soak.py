"""
`make soak-week`: a week of the reference fleet with faults, for many seeds; a failing one is printed, exit 1.

Each whole week leaves a line in `bench/results/soak-week.jsonl`, so that twenty of them may be run in several sittings.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from dataclasses import asdict, replace

from tests.virtual_time.soak_record import record
from tests.virtual_time.week import DAY_S, Result, Scale, run

RECORD = "soak-week.jsonl"


def main() -> int:
    """Run the seeds asked for; the exit code."""
    options = _options()
    scale = replace(Scale(), length_s=options.days * DAY_S, providers=options.providers)
    jobs = [(seed, scale) for seed in range(options.first, options.first + options.seeds)]
    began, results = time.monotonic(), []
    with multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=1) as pool:
        for result, took_s in pool.imap_unordered(_one, jobs, chunksize=1):
            results.append(result)
            if scale == Scale():
                record(RECORD, asdict(result), took_s)
            print(_line(result, took_s, time.monotonic() - began, len(results), len(jobs)), flush=True)
    bad = sorted(result.seed for result in results if result.wrong or result.asked_twice)
    ticks = sum(result.ticks for result in results)
    print(f"{len(results)} seeds, {ticks:,} ticks in {time.monotonic() - began:,.0f} s; wrong: {bad or 'none'}")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--providers", type=int, default=18)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _one(job: tuple[int, Scale]) -> tuple[Result, float]:
    seed, scale = job
    began = time.monotonic()

    def say(day: int) -> None:
        print(
            f"seed {seed}: day {day} of {scale.length_s / DAY_S:g} after {time.monotonic() - began:,.0f} s", flush=True
        )

    return run(seed, scale, say), time.monotonic() - began


def _line(result: Result, took_s: float, passed_s: float, done: int, jobs: int) -> str:
    left_s = passed_s / done * (jobs - done)
    wrong = [*result.wrong, *([f"{result.asked_twice} ticks asked twice"] if result.asked_twice else [])]
    said, speed = "; ".join(wrong) or "good", result.ticks / took_s
    return (
        f"seed {result.seed}: {result.ticks:,} ticks, {result.faults} faults, {took_s:,.0f} s "
        f"({speed:,.0f} ticks/s): {said} [{done} of {jobs}, about {left_s:,.0f} s left]"
    )


if __name__ == "__main__":
    sys.exit(main())
