"""`make bench-false-pages`: how often a healthy target would page by its burn rate, and how late a sick one."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress

from bench.burn.noise import Rates, delay_s, false_pages
from bench.machine import Watch
from bench.results import Figure, figures_table, write_results

PLAIN = "plain pairs"
CHUNK_MONTHS = 100  # simulated at once; a chunk has its own seed
# (objective, step in s, share that fails by chance, target-months of a whole run)
NOISE = (
    (0.999, 60, 0.0005, 6000),
    (0.999, 30, 0.0005, 400),
    (0.999, 10, 0.0005, 100),
    (0.995, 60, 0.002, 200),
    (0.99, 60, 0.002, 200),
)
QUICK_MONTHS = 100
DELAYS = tuple((share, error) for share in (0.999, 0.995) for error in (1.0, 0.2))
DELAY_STEP_S, DELAY_SEEDS = 30, 60


def main() -> int:
    """Everything, or with --quick a small piece of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    console, watch = Console(), Watch()
    figures: dict[str, Figure] = {}
    for share, step_s, noise, months in NOISE:
        wanted = QUICK_MONTHS if quick else months
        figures[f"false_pages_month_{_named(share)}_{step_s}s"] = _noise(console, share, step_s, noise, wanted)
    for share, error in DELAYS:
        figures[f"delay_{_named(share)}_{'total' if error == 1 else f'{error:.0%}'.rstrip('%') + 'pc'}_s"] = _delay(
            share, error
        )
    run = {"quick": quick, "seeds": f"one of each {CHUNK_MONTHS} target-months, from 0", "delay_step_s": DELAY_STEP_S}
    versions = {"numpy": version("numpy"), "python": sys.version.partition(" ")[0]}
    path = write_results("false-pages", machine=watch.facts(), versions=versions, figures=figures, run=run)
    console.print(figures_table("bench-false-pages: low - high are one-sided 95 % bounds, or quartiles", figures))
    console.print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name}")
    return 0


def _noise(console: Console, share: float, step_s: int, noise: float, months: int) -> Figure:
    pages = {"ours": 0, "plain": 0}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(f"{share:.1%}, {step_s} s, {noise:.2%} fail by chance", total=months)
        for seed in range(months // CHUNK_MONTHS):
            found = false_pages(share, step_s=step_s, noise=noise, months=CHUNK_MONTHS, seed=seed)
            pages = {name: pages[name] + rates.pages for name, rates in found.items()}
            progress.update(task, advance=CHUNK_MONTHS)
    ours, plain = Rates(pages["ours"], months), Rates(pages["plain"], months)
    low, high = ours.bounds()
    return Figure(
        ours.per_month, "pages by target and month", peer=plain.per_month, peer_name=PLAIN, n=months, low=low, high=high
    )


def _delay(share: float, error: float) -> Figure:
    def delays(*, plain: bool) -> list[float]:
        several = (
            delay_s(share, step_s=DELAY_STEP_S, error=error, seed=seed, plain=plain) for seed in range(DELAY_SEEDS)
        )
        return sorted(delay for delay in several if delay is not None)

    ours, plain = delays(plain=False), delays(plain=True)
    low, high = ours[len(ours) // 4], ours[3 * len(ours) // 4]
    return Figure(median(ours), "s", peer=median(plain), peer_name=PLAIN, n=len(ours), low=low, high=high)


def _named(share: float) -> str:
    return f"{share * 100:g}".replace(".", "_")


if __name__ == "__main__":
    sys.exit(main())
