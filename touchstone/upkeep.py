"""Runs a house: starts everything, shows what happens, stops in order, and says what it came to."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.live import Live

from collector.storage.clickhouse import ClickHouse
from collector.storage.ledger import Ledger as PageLedger
from collector.storage.queries import Reader
from probes.spool_files import read_ledger
from schemas.clock import Clock
from schemas.config import Configuration
from schemas.errors import StoreError, TouchstoneError
from schemas.incident import Severity
from simulator.world import World
from touchstone.arrivals import read_arrivals
from touchstone.config_file import load_configuration
from touchstone.house import House
from touchstone.live_view import Scene, page_line, render
from touchstone.run_report import expected_ticks, run_report
from touchstone.signals import stop_on_signals
from touchstone.supervisor import Supervisor

logger = logging.getLogger(__name__)

SCRIPT_AFTER_S = 8.0  # after the start: by the script's first incident the agent is probing, on a busy machine too
REFRESH_S = 0.5
READ_EVERY = 4  # refreshes between two looks at the store
DELIVER_S = 15.0
SETTLE_S = 60.0  # by then the past is loaded and judged
NOTICE_S = 20.0  # by then a scripted outage is paged, restarts included
BESIDE = timedelta(days=7)
LAST_ORDER = ("dashboard", "history", "clouds", "receiver", "store")


class Upkeep:
    """One run of a house."""

    def __init__(self, house: House, clock: Clock, out: Console, err: Console, *, live: bool) -> None:
        self._house, self._clock, self._out, self._err, self._live = house, clock, out, err, live
        self._configuration: Configuration = load_configuration(house.config, os.environ)
        self._scene = Scene(house.addresses.dashboard_url, sorted(house.world.truth()))
        self._said = 0

    async def run(self, for_s: float | None, *, history_days: int) -> dict[str, Any]:
        """Run for *for_s* seconds, or until SIGINT or SIGTERM; then stop everything and report."""
        stop = stop_on_signals()
        began, began_at = self._clock.monotonic(), self._clock.now()
        supervisor = Supervisor(self._house.folder, dict(os.environ), self._clock, lambda: None)
        try:
            starts = began_at + timedelta(seconds=SCRIPT_AFTER_S)
            for program in self._house.programs(starts, history_days):
                supervisor.start(program)
            self._err.print(f"dashboard: {self._scene.dashboard_url}")
            await self._watch(supervisor, stop, began, for_s)
            return await self._close(supervisor, began_at)
        finally:
            for name in ("traffic", "agent", "collect", *LAST_ORDER):
                await supervisor.stop(name)

    async def _watch(self, supervisor: Supervisor, stop: asyncio.Event, began: float, for_s: float | None) -> None:
        screen = Live(console=self._out, auto_refresh=False, transient=False) if self._live else nullcontext()
        with screen as live:
            for turn in range(10**9):
                elapsed_s = self._clock.monotonic() - began
                if stop.is_set() or (for_s is not None and elapsed_s >= for_s):
                    return
                self._scene.elapsed_s = elapsed_s
                self._scene.processes = {name: child.starts for name, child in supervisor.children.items()}
                self._scene.arrivals = read_arrivals(self._house.pages_file)
                if turn % READ_EVERY == 0:
                    await asyncio.to_thread(self._look)
                if live is not None:
                    live.update(render(self._scene), refresh=True)
                else:
                    self._say_new_pages()
                await self._clock.sleep(REFRESH_S)

    def _look(self) -> None:
        """Read the verdicts and the progress of the past; a store that is not there yet is no news."""
        try:
            with Reader.open(self._configuration.settings.store) as reader:
                progress = reader.history_progress()
                unfinished = progress is not None and not progress.finished
                self._scene.history = (progress.rows_done, progress.rows_total) if progress and unfinished else None
                self._scene.verdicts = {verdict.provider: verdict for verdict in reader.latest_verdicts()}
        except StoreError as error:
            logger.debug("not readable yet: %s", error)

    def _say_new_pages(self) -> None:
        for arrival in self._scene.arrivals[self._said :]:
            self._err.print(page_line(arrival), soft_wrap=True, markup=False)
        self._said = len(self._scene.arrivals)

    async def _close(self, supervisor: Supervisor, began_at: datetime) -> dict[str, Any]:
        """Stop from the front to the back, so that everything on its way arrives; then take stock."""
        self._err.print("stopping: the agent hands over what it has")
        stopped_at = self._clock.now()
        await asyncio.gather(supervisor.stop("agent"), supervisor.stop("traffic"))
        await self._delivered()
        await supervisor.stop("collect")
        async with ClickHouse.opened(self._configuration.settings.store, clock=self._clock) as store:
            completeness = await store.completeness(began_at)
            outcomes = await store.outcomes(began_at)
            traffic = await store.traffic(began_at)
        await asyncio.to_thread(self._look)
        two_faced = await asyncio.to_thread(self._two_faced)
        ledger = read_ledger(self._house.folder / "spool.db")
        if ledger is None:
            raise TouchstoneError(f"the agent never opened its spool; see {supervisor.log_of('agent')}")
        return run_report(
            tuple(self._scene.verdicts.values()),
            self._house.world.truth(),
            two_faced,
            self._house.world.two_faced(),
            read_arrivals(self._house.pages_file),
            completeness,
            outcomes,
            traffic,
            ledger,
            expected_ticks(self._configuration, completeness, stopped_at),
        )

    def _two_faced(self) -> frozenset[str]:
        """Who is shown to treat our probes better than real traffic, over the last days."""
        end, settings = self._clock.now(), self._configuration.settings
        confidence = settings.tiers.confidence
        with Reader.open(settings.store) as reader:
            return frozenset(
                provider
                for provider in self._scene.providers
                if reader.double_standard(provider, end - BESIDE, end, confidence=confidence).reasons
            )

    async def _delivered(self) -> None:
        """Wait until no page is on its way, at most DELIVER_S."""
        give_up = self._clock.monotonic() + DELIVER_S
        state = self._house.folder / "state.db"
        while state.exists() and self._clock.monotonic() < give_up:
            ledger = PageLedger(state, owner="up")
            try:
                if not ledger.waiting():
                    return
            finally:
                ledger.close()
            await self._clock.sleep(REFRESH_S)


def problems(report: dict[str, Any], world: World, *, ran_s: float) -> list[str]:
    """What of the report is not as it must be, as far as a run of *ran_s* seconds could bring it about."""
    found = [f"{report[name]} observations {name}" for name in ("lost", "double") if report[name]]
    if ran_s >= SETTLE_S:
        for provider in report["providers"]:
            if provider["tier"] != provider["truth"]:
                said = f"{provider['id']} is {provider['tier']}, in truth {provider['truth']}: {provider['reasons']}"
                found.append(said)
            if provider["probes_treated_better"] != provider["probes_treated_better_truth"]:
                seen = "seen" if provider["probes_treated_better"] else "not seen"
                found.append(f"{provider['id']}: probes_treated_better was {seen}, in truth it is the other way round")
        if not report["passive"]:
            found.append("no real traffic was taken in")
    script = [episode for episode in world.script() if episode.severity is Severity.P0]
    due = [episode.provider for episode in script if SCRIPT_AFTER_S + episode.starts_s + NOTICE_S <= ran_s]
    for name in sorted({episode.provider for episode in script}):
        paged = sum(page["provider"] == name and page["severity"] == "P0" for page in report["pages"])
        if not due.count(name) <= paged <= sum(episode.provider == name for episode in script):
            found.append(f"{name}: {due.count(name)} scripted P0, {paged} paged")
    return found
