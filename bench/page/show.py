"""The rows for the terminal, each with its aim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from bench.page.figures import Row
from bench.results import shown

WORDS: Mapping[bool | None, str] = {True: "[green]yes[/green]", False: "[red]no[/red]", None: ""}


def rows_table(rows: Mapping[str, Row]) -> Table:
    """Ours beside the peer; *of* is how many messages were due, and how many of ours and of the peer's never came."""
    table = Table(title="Figures", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("figure", no_wrap=True)
    for heading in ("ours", "low - high", "peer"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    table.add_column("aim", justify="right", no_wrap=True)
    table.add_column("there", no_wrap=True)
    for name, row in rows.items():
        one = row.figure
        between = f"{shown(one.low)} - {shown(one.high)}" if one.low != one.high else ""
        lost = f" -{row.missing[0]}/-{row.missing[1]}" if any(row.missing) else ""
        table.add_row(name, shown(one.ours), between, shown(one.peer), f"{one.n}{lost}", row.aim, WORDS[row.reached])
    return table


def sides_table(sides: Mapping[str, Any]) -> Table:
    """What each side told of the outages, in seconds."""
    table = Table(
        title="The outages (s)", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column("side", no_wrap=True)
    table.add_column("", no_wrap=True)
    for heading in ("min", "median", "p90", "max", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, side in sides.items():
        for what in ("page", "resolve"):
            found = side[f"{what}_s"] or {}
            table.add_row(name, what, *(shown(found.get(key)) for key in ("min", "median", "p90", "max", "n")))
    return table
