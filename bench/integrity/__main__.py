"""`make bench-integrity`: how often honest providers are accused, what lies are found after how much, and when."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.chart import Panel, log_chart
from bench.integrity import audits
from bench.integrity.catalog import absent
from bench.integrity.outcome import (
    USD_PER_MILLION_TOKENS,
    Delay,
    Power,
    Share,
    World,
    by_world,
    delays,
    false_suspects,
    null_table,
    powers,
    whole_months,
)
from bench.integrity.work import QUICK, WHOLE, Done, all_done, pieces
from bench.machine import Watch
from bench.results import FOLDER, Figure, figures_table, write_results

INFLATION, ONE_TEST = "token inflation", "dilution, one test at 5 %"  # lies by name
# Figure, the check, lie, size and requests it stands for, its aim, and how many liars it takes to tell it from that.
POWERS = (
    ("inflation_1pct_power_20", ("token_arithmetic_completion", INFLATION, 1.0, 20), 0.99, 10_000),
    ("swap_power_50", ("identity", "dilution", 100.0, 50), 0.9, 400),
    ("dilution_30pct_power_250", ("identity", ONE_TEST, 30.0, 250), 0.9, 1000),
)
PANELS = (
    ("token_arithmetic_completion", INFLATION),
    ("identity", "dilution"),
    ("identity", ONE_TEST),
)
COLUMNS = 160  # where there is no terminal
AUDIT_LOW, AUDIT_HIGH = 1e-8, 0.01
DISAGREES = 1e-6  # relative: more is another p-value than the recorded one


def main() -> int:
    """Everything, or with --quick a small piece of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    terminal = Console()
    console, watch = (terminal if terminal.is_terminal else Console(width=COLUMNS)), Watch()
    some = _simulated(console, quick=asked.quick, processes=asked.processes)
    worlds, power, delay = null_table(some), powers(some), delays(some)
    figures = {**_suspects(some), **_powers(power), **_delays(delay), **_audits()}
    for table in (_null(worlds), _power(power), figures_table("bench-integrity", figures)):
        console.print(table)
    missing = {f"trials of {subject}": "absent" for subject in absent()}
    run = {
        "quick": asked.quick,
        "usd_per_million_tokens": USD_PER_MILLION_TOKENS,
        "null": [_row(one, contradicted=one.contradicted) for one in worlds],
        "power": [_row(one, found=one.found) for one in power],
        "delays": [asdict(one) for one in delay],
    }
    versions = {"numpy": version("numpy"), "python": sys.version.partition(" ")[0], **missing}
    path = write_results("integrity", machine=watch.facts(), versions=versions, figures=figures, run=run)
    (FOLDER / "integrity.svg").write_text(log_chart(_panels(power)))
    console.print(
        f"written to {path.name} and integrity.svg" + "".join(f"; {name}: {why}" for name, why in missing.items())
    )
    return 0


def _simulated(console: Console, *, quick: bool, processes: int) -> list[Done]:
    amount = QUICK if quick else WHOLE
    wanted = list(pieces(amount, {where: n for _, where, _, n in POWERS}))
    some = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("simulating", total=len(wanted))
        for one in all_done(wanted, processes):
            some.append(one)
            progress.update(task, advance=1, description=f"{one.piece.check}: {one.piece.world}")
    return some


def _suspects(some: Sequence[Done]) -> dict[str, Figure]:
    months = by_world(some)
    plain, mixed = (false_suspects(whole_months(months, mixed=mixed)) for mixed in (False, True))
    both = Share(plain.k + mixed.k, plain.n + mixed.n)
    return {
        "false_suspects_per_1000": _figure(both, "of 1,000 honest provider-months", limit=0.0, times=1000),
        "false_suspects_per_1000_benign_changes": _figure(
            mixed, "the same, with benign changes", limit=0.0, times=1000
        ),
    }


def _powers(power: Sequence[Power]) -> dict[str, Figure]:
    found = {(one.check, one.lie, one.size, one.requests): one.found for one in power}
    return {
        name: _figure(found[where], "power", limit=aim) if where in found else Figure(None, "power", limit=aim)
        for name, where, aim, _ in POWERS
    }


def _delays(delay: Sequence[Delay]) -> dict[str, Figure]:
    return {
        f"days_to_detect_{_named(one.check)}_{_named(one.lie)}_{one.size:g}".replace(".", "_"): Figure(
            one.quantile(0.5), "days", n=len(one.days) + one.missed, low=one.quantile(0.25), high=one.quantile(0.75)
        )
        for one in delay
    }


def _audits() -> dict[str, Figure]:
    found = audits.p_values()
    if isinstance(found, str):
        return {"audits_below_1e-8": Figure(None, f"of 62 audits: {found}", limit=29)}
    ours = [p for p, _ in found.values()]
    off = sum(abs(p - recorded) > DISAGREES * max(p, recorded) for p, recorded in found.values())
    return {
        "audits_below_1e-8": Figure(sum(p < AUDIT_LOW for p in ours), "recorded audits", limit=29, n=len(ours)),
        "audits_at_or_above_0_01": Figure(sum(p >= AUDIT_HIGH for p in ours), "recorded audits", limit=31, n=len(ours)),
        "audits_with_another_p_value": Figure(off, "recorded audits", limit=0, n=len(ours)),
    }


def _figure(share: Share, unit: str, *, limit: float, times: float = 1.0) -> Figure:
    if not share.n:
        return Figure(None, unit, limit=limit)
    low, high = share.bounds
    return Figure(share.value * times, unit, limit=limit, n=share.n, low=low * times, high=high * times)


def _named(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _row(one: World | Power, **shares: Share) -> dict[str, Any]:
    row: dict[str, Any] = asdict(one)
    for name, share in shares.items():
        row[name] = {"k": share.k, "n": share.n, "low": share.bounds[0], "high": share.bounds[1]}
    return row


def _null(worlds: Sequence[World]) -> Table:
    table = _table("honest provider-months: contradicted, with exact 95 % intervals")
    for heading in ("contradicted", "of", "interval", "noticed", "insufficient", "mean e"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in worlds:
        share, counts = one.contradicted, (one.noticed, one.insufficient)
        table.add_row(
            one.check, one.name, str(share.k), str(share.n), _between(share), *map(str, counts), f"{one.mean_e:.3g}"
        )
    return table


def _power(power: Sequence[Power]) -> Table:
    table = _table("liars found, % (and the exact 95 % interval), after so many requests (US cents)")
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("found after", overflow="fold")
    rows: dict[tuple[str, str, str], list[str]] = {}
    for one in power:
        low, high = (f"{100 * bound:.0f}" for bound in one.found.bounds)
        cell = f"{one.requests} ({100 * one.usd:.2g} c): {100 * one.found.value:.0f} ({low}-{high})"
        rows.setdefault((one.check, one.lie, f"{one.size:g} {one.unit}"), []).append(cell)
    for row, cells in rows.items():
        table.add_row(*row, "   ".join(cells))
    return table


def _table(title: str) -> Table:
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False
    )
    table.add_column("check", no_wrap=True)
    table.add_column("world or lie", no_wrap=True)
    return table


def _between(share: Share) -> str:
    return " - ".join(f"{bound:.3f}" for bound in share.bounds)


def _panels(power: Sequence[Power]) -> list[Panel]:
    """Power against requests of the main lies, and of the dilution against money."""
    panels = [
        Panel(f"{lie} ({check})", "requests", "found, %", _curves(power, check, lie, money=False), y_linear=True)
        for check, lie in PANELS
    ]
    check, lie = PANELS[1]
    panels.append(Panel(f"{lie} ({check})", "cents", "found, %", _curves(power, check, lie, money=True), y_linear=True))
    return [panel for panel in panels if panel.series]


def _curves(power: Sequence[Power], check: str, lie: str, *, money: bool) -> Mapping[str, list[tuple[float, float]]]:
    curves: dict[str, list[tuple[float, float]]] = {}
    for one in power:
        if (one.check, one.lie) == (check, lie):
            across = round(one.usd * 100, 2) if money else float(one.requests)
            curves.setdefault(f"{one.size:g} {one.unit}", []).append((across, 100 * one.found.value))
    return curves


if __name__ == "__main__":
    sys.exit(main())
