"""
`make soak-month`: months of paging with faults, for many seeds; a failing one is printed, exit 1.

Each whole month leaves a line in `bench/results/soak-month.jsonl`.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import sys
import time
from dataclasses import asdict

from tests.virtual_time.month import Result, run
from tests.virtual_time.soak_record import record

RECORD = "soak-month.jsonl"
MONTH_DAYS = 30.0


def main() -> int:
    """Run the seeds asked for; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--days", type=float, default=MONTH_DAYS)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    jobs = [(seed, options.days) for seed in range(options.first, options.first + options.seeds)]
    began, results = time.monotonic(), []
    with multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=4) as pool:
        for result, took_s in pool.imap_unordered(_one, jobs, chunksize=1):
            results.append(result)
            if options.days == MONTH_DAYS:
                record(RECORD, asdict(result), took_s)
            left_s = (time.monotonic() - began) / len(results) * (len(jobs) - len(results))
            said = "; ".join(result.wrong) or "good"
            print(
                f"seed {result.seed}: {result.ticks:,} ticks, {result.episodes} episodes, {result.pages} pages, "
                f"{took_s:,.0f} s: {said} [{len(results)} of {len(jobs)}, about {left_s:,.0f} s left]",
                flush=True,
            )
    bad = sorted(result.seed for result in results if result.wrong)
    pages = sum(result.pages for result in results)
    print(f"{len(results)} months, {pages:,} pages in {time.monotonic() - began:,.0f} s; wrong: {bad or 'none'}")
    return 1 if bad else 0


def _one(job: tuple[int, float]) -> tuple[Result, float]:
    gc.disable()  # a month makes few cycles, and a process plays four
    began = time.monotonic()
    return run(*job), time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
