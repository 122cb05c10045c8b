"""`make bench-dashboard`: ninety clusters over ninety days, looked at by one person and by twenty. docs/benches.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import box
from rich.console import Console
from rich.table import Table

from bench.dashboard import crowds, screen
from bench.dashboard.errors import BenchError
from bench.dashboard.figures import aims_of, figures_of, table_of
from bench.dashboard.history import Say
from bench.dashboard.house import Opened, opened
from bench.dashboard.places import Place, places
from bench.dashboard.plan import FULL, QUICK, Plan
from bench.machine import Watch
from bench.measure.errors import BenchError as MeasureError
from bench.measure.load_server import build
from bench.page.errors import BenchError as ProcessError
from bench.peers import BENCH
from bench.results import figures_table, write_results
from bench.store.own_store import memory_mb
from collector.storage.queries import Reader

PLACE = BENCH / "dashboard"


def main() -> int:
    """Everything, or with --quick a small piece of it."""
    plan, only = _asked()
    console, watch, began_s = Console(), Watch(), time.monotonic()

    def say(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began_s:6.0f} s[/dim]  {what}", highlight=False, soft_wrap=True)

    try:
        asyncio.run(_measured(plan, only, console, watch, say))
    except (BenchError, MeasureError, ProcessError) as error:
        console.print(f"[red]bench-dashboard: {error}[/red]")
        return 3
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("bench-dashboard: stopped; everything that it started is stopped as well")
        return 130
    return 0


def _asked() -> tuple[Plan, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--days", type=int, help="how long the past is")
    parser.add_argument("--rounds", type=int, help="how often each page is opened with nothing read")
    parser.add_argument("--pairs", type=int, help="of windows without and with viewers")
    parser.add_argument("--only", nargs="+", default=[], help="these pages, and no viewers")
    options = parser.parse_args()
    given = {name: getattr(options, name) for name in ("days", "rounds", "pairs") if getattr(options, name) is not None}
    return replace(QUICK if options.quick else FULL, **given), options.only


async def _measured(plan: Plan, only: list[str], console: Console, watch: Watch, say: Say) -> None:
    build("load_server")
    folder = PLACE / f"history-{plan.days}d"
    folder.mkdir(parents=True, exist_ok=True)
    async with opened(folder, plan.days, say) as house:
        several = _places(house)
        rows = _rows(house)
        say(f"{rows:,} observations; {len(several)} pages, {plan.rounds} rounds")
        wanted = [place for place in several if not only or place.name in only]
        seen = await _seen(house, wanted, plan, say)
        _show(console, "Pages", cold=seen.cold_s, unread=seen.unread_s, warm=seen.warm_s)
        _show(console, "Filters", cold=seen.cold_filters_s, warm=seen.warm_filters_s)
        for complaint in seen.complaints:
            console.print(f"[red]{complaint}[/red]", soft_wrap=True)
        if only:
            return
        with TemporaryDirectory(prefix="run-", dir=PLACE) as run:
            found = await crowds.measure(house, several, plan, Path(run), say)
        memory = {name: round(memory_mb(house.pid(name))) for name in crowds.WATCHED}
    _report(plan, house, rows, seen, found, memory, watch, console)  # its processes have ended, and count as our own


def _places(house: Opened) -> tuple[Place, ...]:
    with Reader.open(house.store) as reader:
        incident = reader.recent_incidents(1)[0]
    clouds = house.house.world.clouds
    provider, other = clouds[7], clouds[1]
    return places(provider.id, other.id, f"{provider.id}/{provider.clusters[0]}", incident.id)


def _rows(house: Opened) -> int:
    with Reader.open(house.store) as reader:
        return sum(one.rows for one in reader.monitor_health().tables if one.table == "observations")


async def _seen(house: Opened, several: list[Place], plan: Plan, say: Say) -> screen.Seen:
    seen = screen.Seen()
    async with screen.browser() as chromium:
        for number in range(1, plan.rounds + 1):
            for place in several:
                await screen.see(chromium, house.url, place, seen, warm=plan.warm)
            say(f"round {number} of {plan.rounds}")
    return seen


def _show(console: Console, title: str, **seconds: dict[str, list[float]]) -> None:
    table = Table(title=f"{title}, ms", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("", *(heading for when in seconds for heading in (f"{when} p50", "p95", "n"))):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, found in table_of(**seconds).items():
        cells = [found[when][key] if when in found else "-" for when in seconds for key in ("p50", "p95", "n")]
        table.add_row(name, *map(str, cells))
    console.print(table)


def _report(
    plan: Plan, house: Opened, rows: int, seen: screen.Seen, found: crowds.Crowds, memory: dict[str, int],
    watch: Watch, console: Console,
) -> None:  # fmt: skip
    figures = figures_of(seen, found)
    machine = watch.facts()
    run = {
        "quick": plan.quick,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "days": plan.days,
        "observations": rows,
        "beside": house.holds,
        "aims": aims_of(figures, seen),
        "pages_ms": table_of(cold=seen.cold_s, unread=seen.unread_s, warm=seen.warm_s),
        "filters_ms": table_of(cold=seen.cold_filters_s, warm=seen.warm_filters_s),
        "viewers": {"n": plan.viewers, "stay_s": plan.stay_s, "pairs": plan.pairs, "watch_s": plan.watch_s},
        "memory_mb": memory,
        "complaints": [
            *(f"not {one}" for one in house.missing),
            *seen.complaints,
            *(fault for one in found.together for fault in one.looked.faults),
        ][:50],
    }
    versions = {name: version(name) for name in ("streamlit", "chdb")} | {"python": sys.version.partition(" ")[0]}
    path = write_results("dashboard", machine=machine, versions=versions, figures=figures, run=run)
    console.print(figures_table(f"bench-dashboard: {rows:,} observations, {plan.days} days", figures))
    for complaint in run["complaints"]:
        console.print(f"[red]{complaint}[/red]", soft_wrap=True)
    others = f"{machine['cores_busy_with_others']:g} cores were busy with others"
    console.print(f"results: {path.relative_to(BENCH.parent)}; {others}")


if __name__ == "__main__":
    sys.exit(main())
