"""
What a bench leaves behind: `bench/results/NAME.json`, and the same as a table.

`{"machine", "versions", "figures": {NAME: {"ours", "peer", "peer_name", "limit", "unit", "n", "low", "high"}}}`, and
`run`, which tells a quick run from a full one. *low* and *high* are the spread of *ours* over *n* runs. What was not
measured is null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from bench.spread import Spread

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: ours, the best peer's, and the limit of what can be had."""

    ours: float | None
    unit: str
    peer: float | None = None
    peer_name: str | None = None
    limit: float | None = None
    n: int = 0
    low: float | None = None
    high: float | None = None


def figure(
    ours: Spread | None, unit: str, *, peers: Mapping[str, Spread], truth: float = 0.0, limit: Spread | None = None
) -> Figure:
    """Ours beside the peer that is nearest to *truth*."""
    best = min(peers, key=lambda name: abs(peers[name].median - truth), default=None)
    return Figure(
        ours=ours.median if ours else None,
        unit=unit,
        peer=peers[best].median if best else None,
        peer_name=best,
        limit=limit.median if limit else None,
        n=ours.n if ours else 0,
        low=ours.low if ours else None,
        high=ours.high if ours else None,
    )


def write_results(
    name: str,
    *,
    machine: Mapping[str, Any],
    versions: Mapping[str, str],
    figures: Mapping[str, Figure],
    run: Mapping[str, Any],
    folder: Path = FOLDER,
) -> Path:
    """The results of the bench *name* as a file; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    whole = {
        "machine": dict(machine),
        "versions": dict(versions),
        "run": dict(run),
        "figures": {key: {k: _short(v) for k, v in asdict(one).items()} for key, one in figures.items()},
    }
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return path


def figures_table(title: str, figures: Mapping[str, Figure]) -> Table:
    """The figures as a table for the terminal."""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False
    )
    table.add_column("figure", no_wrap=True)
    for heading in ("ours", "low - high", "peer"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("which", overflow="fold", min_width=10)
    table.add_column("limit", justify="right", no_wrap=True)
    for name, one in figures.items():
        between = f"{shown(one.low)} - {shown(one.high)}" if one.n > 1 else "one run"
        table.add_row(name, shown(one.ours), between, shown(one.peer), one.peer_name or "-", shown(one.limit))
    return table


def shown(value: float | None) -> str:
    """A number with three significant digits, as people write it."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):g}"


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
