"""A worker of the agent: one event loop with probing in it, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from probes.agent import Agent, Duty
from probes.alarm import SchedulerAlarm
from probes.attempt import Bench, observe
from probes.budget_ledger import BudgetLedger
from probes.connection import Connections
from probes.disk_thread import DiskThread
from probes.loop_lag import LagMonitor
from probes.own_network import OwnNetwork
from probes.purse import Purse
from probes.reading_loop import probing_loop
from probes.spool_bounds import Bounds
from probes.spool_files import WorkerSpool, budget_file
from probes.token_count import load_all
from probes.trust import limits_of
from schemas.clock import Clock
from schemas.errors import SpoolError
from schemas.still_memory import leave_still
from touchstone import __version__
from touchstone.agent_orders import FAILURE, LookAgain, Orders, read_message
from touchstone.signals import stop_on_signals

logger = logging.getLogger(__name__)

RETRY_S = 1.0


async def work(clock: Clock) -> None:
    """Probe as the parent's orders say, until SIGTERM, or until the parent is gone."""
    stop = stop_on_signals()
    pipe = await _standard_input()
    orders = await read_message(pipe)
    if orders is None:
        return
    assert isinstance(orders, Orders)  # the first thing that a parent says
    settings = orders.settings
    async with AsyncExitStack() as stack:
        disk = DiskThread()
        stack.callback(disk.close)
        spool = stack.enter_context(closing(WorkerSpool(Path(settings.spool), orders.worker, Bounds.of(settings))))
        connections = await stack.enter_async_context(Connections())
        alarm = await stack.enter_async_context(SchedulerAlarm())
        bench = Bench(
            vantage=orders.vantage, connections=connections, clock=clock, lag=LagMonitor(clock),
            limits=limits_of(settings), simulated=orders.simulated, agent_version=__version__,
        )  # fmt: skip
        ledger = stack.enter_context(closing(BudgetLedger(budget_file(Path(settings.spool)))))
        purse = Purse(orders.budgets, ledger, disk)
        agent = Agent(_duty(orders, bench, purse), spool, disk, alarm, _ring_parent)
        load_all(subject.place.target for subject in orders.subjects)
        leave_still()
        listening = asyncio.create_task(_keep_listening(pipe, agent, bench, purse, stop))
        try:
            await agent.run(stop)
        finally:
            listening.cancel()
            await purse.give_back()


def _duty(orders: Orders, bench: Bench, purse: Purse) -> Duty:
    """What *orders* say, with the probe as it is made: paid for, and its failures weighed against our own network."""
    now = replace(bench, limits=limits_of(orders.settings))
    own_network = OwnNetwork(orders.settings.canaries, now.clock)
    asks = own_network.around(purse.around(partial(observe, now), now))
    return Duty(subjects=orders.subjects, settings=orders.settings, bench=now, observe=asks)


async def _keep_listening(
    pipe: asyncio.StreamReader, agent: Agent, bench: Bench, purse: Purse, stop: asyncio.Event
) -> None:
    """Take new orders as they come; without a parent there is nobody to ship what is spooled."""
    while (message := await read_message(pipe)) is not None:
        if isinstance(message, LookAgain):
            agent.look_again(message.subjects)
            continue
        purse.budgets = message.budgets
        load_all(subject.place.target for subject in message.subjects)
        await _change(agent, _duty(message, bench, purse), bench.clock)
        leave_still()
    stop.set()


async def _change(agent: Agent, duty: Duty, clock: Clock) -> None:
    """Go on with *duty* as soon as the disk says what was asked before."""
    while True:
        try:
            return await agent.change(duty)
        except SpoolError as error:
            logger.error("%s", error)
            await clock.sleep(RETRY_S)


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _ring_parent() -> None:
    """Tell the parent, on standard output, that a failure waits; it has been told already when the pipe is full."""
    with suppress(BlockingIOError, BrokenPipeError):
        os.write(sys.stdout.fileno(), FAILURE)


def main(clock: Clock) -> None:
    """Run a worker to its end."""
    os.set_blocking(sys.stdout.fileno(), False)
    with asyncio.Runner(loop_factory=probing_loop) as runner:
        runner.run(work(clock))
