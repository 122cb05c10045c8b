"""`make bench-store`: the history of 70 million observations, what the dashboard asks of it, and the way in."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from bench.machine import Watch
from bench.results import Figure, figures_table, write_results
from bench.spread import percentile
from bench.store import ingest, reads
from bench.store.endpoint import endpoint_figures
from bench.store.own_store import memory_mb, own_store

FOLDER = Path(__file__).resolve().parents[2] / ".bench" / "store"
DAYS, QUICK_DAYS = 90, 2
QUICK_ROWS, QUICK_ROUNDS, INGEST_ROUNDS, ENDPOINT_ROUNDS = 4_000, 2, 7, 200


def main() -> int:
    """Everything, or with --quick a small piece of it."""
    options = _options()
    days = options.days or (QUICK_DAYS if options.quick else DAYS)
    console, watch, began = Console(), Watch(), time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.0f} s[/dim]  {what}", highlight=False, soft_wrap=True)

    figures: dict[str, Figure] = {}
    with own_store(FOLDER / f"history-{days}d") as (store, pid):
        end = reads.build(store, days, say)
        figures["rollups_rebuilt_s"] = Figure(reads.roll_up(store, end, say), f"s for {days} days", n=1)
        found = reads.measure(store, end, days, rounds=options.rounds, raw_rounds=options.raw_rounds, say=say)
        figures |= reads.figures(found)
        figures |= _sizes(found)
        figures["store_memory_mb"] = Figure(memory_mb(pid), "MB resident after it", limit=memory_mb(pid, "VmHWM"), n=1)
    with TemporaryDirectory(prefix="touchstone-bench-") as name, own_store(Path(name) / "store") as (store, pid):
        rows, rounds = (QUICK_ROWS, QUICK_ROUNDS) if options.quick else (ingest.ROWS, INGEST_ROUNDS)
        figures |= ingest.figures(ingest.measure(store, pid, Path(name), rows=rows, rounds=rounds, say=say))
    say("the endpoint beside the engine in process")
    figures |= endpoint_figures(rounds=QUICK_ROUNDS * 10 if options.quick else ENDPOINT_ROUNDS)
    run = {"quick": options.quick, "days": days, "rows": found.rows, "rounds": options.rounds}
    path = write_results("store", machine=watch.facts(), versions=_versions(), figures=figures, run=run)
    console.print(figures_table(f"bench-store: {found.rows:,} observations, {days} days", figures))
    console.print(_pages(found))
    console.print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path.name}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--days", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--raw-rounds", type=int, default=5)
    return parser.parse_args()


def _sizes(found: reads.Reads) -> dict[str, Figure]:
    """Bytes on disk of a row of each table."""
    return {
        f"bytes_per_row_{table}": Figure(size / rows, "B on disk", n=rows)
        for table, (rows, size) in found.tables.items()
        if table
        in {"observations", "rollup_hour", "rollup_day", "cluster_hour", "cluster_day", "bad_minutes", "token_arrivals"}
    }


def _pages(found: reads.Reads) -> Table:
    """What the dashboard's pages read, in ms."""
    table = Table(title="Queries of the dashboard, ms", title_justify="left")
    for heading in ("query", "p50", "p95", "n"):
        table.add_column(heading, justify="left" if heading == "query" else "right")
    for name, seconds in found.ours.items():
        values = (f"{percentile(seconds, share) * 1000:,.0f}" for share in (0.5, 0.95))
        table.add_row(name, *values, str(len(seconds)))
    return table


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("chdb", "clickhouse-connect", "aiohttp")} | {
        "python": sys.version.partition(" ")[0]
    }


if __name__ == "__main__":
    sys.exit(main())
