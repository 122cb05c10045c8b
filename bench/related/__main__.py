"""`make bench-related`: how often independent providers are said to fail together, how often shared outages show."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import track

from bench.integrity.intervals import clopper_pearson
from bench.machine import Watch
from bench.related.months import simulated, verdicts, with_nights, with_reseller
from bench.results import Figure, figures_table, write_results
from collector.judgement.correlation.buckets import Sight
from collector.judgement.correlation.co_failure import Standing

MONTHS, QUICK_MONTHS = 200, 20
POWER_MONTHS, QUICK_POWER_MONTHS = 50, 10
POWER = ((4, 1.0), (6, 1.0), (10, 0.5), (10, 0.3), (20, 0.3))  # outages of each of the two, and the share in common


def main() -> int:
    """Everything, or with --quick a small piece of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    console, watch = Console(), Watch()
    months = QUICK_MONTHS if quick else MONTHS
    figures = {
        **_false_alarms(console, "independent", months, simulated),
        **_false_alarms(console, "same_nights", months, lambda seed: with_nights(simulated(seed), seed)),
    }
    for outages, shared in POWER:
        found = _found(console, outages, shared, QUICK_POWER_MONTHS if quick else POWER_MONTHS)
        figures[f"found_{outages}_outages_{shared:.0%}_shared".replace("%", "pc")] = found
    versions = {"numpy": version("numpy"), "python": sys.version.partition(" ")[0]}
    run = {"quick": quick, "seeds": f"0 to {months - 1}"}
    path = write_results("related", machine=watch.facts(), versions=versions, figures=figures, run=run)
    console.print(figures_table("bench-related: low - high are 95 % bounds (Clopper-Pearson)", figures))
    console.print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name}")
    return 0


def _false_alarms(console: Console, name: str, months: int, make: Callable[[int], list[Sight]]) -> dict[str, Figure]:
    """Of months of independent providers those with a pair said to fail together, and such pairs of all tested."""
    said = [
        verdicts(make(seed))[0]
        for seed in track(range(months), f"{name}: {months} months", console=console, transient=True)
    ]
    tested = sum(one.tested for one in said)
    return {
        f"months_with_a_false_pair_{name}": _share(sum(one.together > 0 for one in said), months, "share of months"),
        f"false_pairs_{name}": _share(sum(one.together for one in said), tested, "share of tested pairs"),
        f"false_links_{name}": _share(sum(one.linked for one in said), tested, "share of tested pairs"),
    }


def _found(console: Console, outages: int, shared: float, months: int) -> Figure:
    """The share of months in which the two that share outages are said to, among eighteen."""
    hits = 0
    for seed in track(range(months), f"{outages} outages, {shared:.0%} shared", console=console, transient=True):
        _, first = verdicts(with_reseller(simulated(seed), seed, outages=outages, shared=shared))
        hits += first.standing is Standing.TOGETHER
    return _share(hits, months, "share of months")


def _share(hits: int, n: int, unit: str) -> Figure:
    low, high = clopper_pearson(hits, n)
    return Figure(hits / n if n else None, unit, n=n, low=low, high=high)


if __name__ == "__main__":
    sys.exit(main())
