"""`make bench-page`: failure to page, recovery to resolve, and delivery through a gauntlet. docs/benches.md."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.chart import log_chart
from bench.machine import Watch
from bench.page import figures, peer_side, plan, trial
from bench.page.cases import BY_NAME
from bench.page.errors import BenchError
from bench.page.figures import Played
from bench.page.gauntlet import run_gauntlet
from bench.page.house import opened
from bench.page.plan import Plan
from bench.page.show import rows_table, sides_table
from bench.peers import BENCH
from bench.results import FOLDER, write_results
from touchstone import __version__

PLACE = BENCH / "page"


async def play(chosen: Plan, folder: Path, logs: Path, console: Console) -> Played:
    """Everything at once: the outages, and beside them the cases."""
    began_s = time.monotonic()

    def say(what: str) -> None:
        line = f"{time.monotonic() - began_s:6.0f} s  {what}"
        console.print(line, highlight=False, soft_wrap=True)

    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with opened(chosen, folder=folder, logs=logs, say=say) as house:
        played = Played(chosen.cases)
        outages = asyncio.create_task(trial.played(house))
        cases = asyncio.create_task(run_gauntlet(house, from_s=time.monotonic() + chosen.settle_s))
        try:
            played.outages = await outages
            played.heard, played.complaints = await cases
        finally:
            for task in (outages, cases):
                task.cancel()
            await asyncio.gather(outages, cases, return_exceptions=True)
        played.complaints += house.receiver.unread
    return played


def report(chosen: Plan, played: Played, watch: Watch, took_s: float, console: Console) -> None:
    """The tables, the results file and the plot."""
    rows, sides, machine = figures.rows_of(played), figures.sides_of(played), watch.facts()
    run = {
        "quick": chosen.quick,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_s": round(took_s),
        "seed": chosen.seed,
        "aims": {name: {"aim": row.aim, "reached": row.reached} for name, row in rows.items() if row.aim},
        "outages": sides,
        "gauntlet": figures.details_of(played),
        "complaints": played.complaints,
    }
    bench = "page-three-vantages" if chosen.three else "page"
    path = write_results(
        bench, machine=machine, versions={"touchstone": __version__, **peer_side.versions()},
        figures={name: row.figure for name, row in rows.items()}, run=run,
    )  # fmt: skip
    console.print(sides_table(sides), rows_table(rows))
    if not chosen.quick:
        (FOLDER / f"{bench}.svg").write_text(log_chart(figures.panels_of(played)))
    for complaint in played.complaints:
        console.print(f"[red]{complaint}[/red]", soft_wrap=True)
    others = f"{machine['cores_busy_with_others']:g} cores were busy with others"
    console.print(
        f"results: {path.relative_to(FOLDER.parents[1])}; logs: {PLACE.relative_to(BENCH.parent)}/logs; {others}"
    )


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four outages and two cases, in about a minute")
    parser.add_argument("--three", action="store_true", help="the outages alone, watched from three vantages")
    parser.add_argument("--only", choices=sorted(BY_NAME), nargs="+", help="these cases, instead of all of the run's")
    options = parser.parse_args()
    chosen = plan.QUICK if options.quick else plan.THREE if options.three else plan.FULL
    if options.only:
        chosen = replace(chosen, cases=tuple(BY_NAME[name] for name in options.only))
    console, watch, began_s = Console(), Watch(), time.monotonic()
    logs = PLACE / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=PLACE) as folder:
        try:
            played = asyncio.run(play(chosen, Path(folder), logs, console))
        except BenchError as error:
            console.print(f"[red]bench-page: {error}[/red]")
            return 3
        except (KeyboardInterrupt, asyncio.CancelledError):
            console.print("bench-page: stopped; everything that it started is stopped as well")
            return 130
    report(chosen, played, watch, time.monotonic() - began_s, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
