"""`make bench-truth`: do the tiers find out what simulated clouds are, how often do they err, and after how long?"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import version

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.chart import Panel, log_chart
from bench.machine import Watch
from bench.peers import BENCH
from bench.results import FOLDER, figures_table, write_results
from bench.truth import kept
from bench.truth.figures import TIERS, confusion, curves, errors, figures
from bench.truth.trial import JUDGED, STEP_S, Judged, all_judged

MARKETS, QUICK_MARKETS, QUICK_STEP_S = 1000, 4, 600
COLUMNS = 120


def main() -> int:
    """Everything, or with --quick a small piece of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--markets", type=int)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    markets = asked.markets or (QUICK_MARKETS if asked.quick else MARKETS)
    step_s = QUICK_STEP_S if asked.quick else STEP_S
    terminal = Console()
    console, watch = (terminal if terminal.is_terminal else Console(width=COLUMNS)), Watch()
    several = _judged(console, markets, asked.processes, step_s)
    found, matrix = figures(several), confusion(several)
    console.print(_matrix(matrix))
    console.print(figures_table("bench-truth", found))
    wrong = errors(several)
    for one in wrong:
        console.print(one)
    run = {
        "quick": asked.quick,
        "markets": markets,
        "probe_every_s": step_s,
        "judged_on_days": list(JUDGED),
        "confusion_after_30_days": matrix,
        "confusion_by_the_point": confusion(several, lambda one: one.points),
        "errors": wrong,
        "curves": curves(several),
    }
    versions = {"numpy": version("numpy"), "python": sys.version.partition(" ")[0]}
    path = write_results("truth", machine=watch.facts(), versions=versions, figures=found, run=run)
    panel = Panel("judged to be what they are", "days", "% of the kind", curves(several), x_ticks=JUDGED, y_linear=True)
    (FOLDER / "truth.svg").write_text(log_chart([panel]))
    console.print(f"written to {path.name} and truth.svg")
    return 0


def _judged(console: Console, markets: int, processes: int, step_s: int) -> list[Judged]:
    file = kept.file_of(BENCH / "truth", step_s)
    known = {number: market for number, market in kept.read(file).items() if number < markets}
    if known:
        console.print(f"{len(known):,} of {markets:,} markets were judged by this code before, and are not again")
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(
            f"markets of 18 clouds, 30 days, a probe every {step_s} s", total=markets, completed=len(known)
        )
        left = [number for number in range(markets) if number not in known]
        for one in all_judged(left, processes, step_s=step_s):
            kept.add(file, one)
            known[one[0].market] = one
            progress.update(task, advance=1)
    return sorted((one for market in known.values() for one in market), key=lambda one: (one.market, one.provider))


def _matrix(matrix: dict[str, dict[str, int]]) -> Table:
    table = Table(title="after 30 days", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("what it is", no_wrap=True)
    for tier in TIERS:
        table.add_column(tier.value, justify="right")
    for kind, counts in matrix.items():
        table.add_row(kind, *(str(counts[tier.value]) for tier in TIERS))
    return table


if __name__ == "__main__":
    sys.exit(main())
