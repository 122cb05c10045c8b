"""
A worker's part of the budgets: drawn from the shared ledger some requests ahead, spent without asking anybody.

The ledger is written before a request that it pays for, so that no crash forgets what was spent; a worker that is
killed forfeits what it had drawn. Beyond a limit goes only what was under way: the difference between an estimate and
the bill.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Protocol

from probes.attempt import Bench, unobserved, wants_warm
from probes.budget import NOTHING, Cost, estimate, spent
from probes.contract import Subject
from probes.disk_thread import Disk
from probes.observe import Observe
from schemas.errors import BudgetError
from schemas.fleet import Budget
from schemas.observation import Observation, Reason

logger = logging.getLogger(__name__)

AHEAD = 16  # attempts of the kind that is due, drawn at once where the budget is large

Account = tuple[str, date]  # provider, UTC day


class Till(Protocol):
    """The ledger that all workers share; see probes/budget_ledger.py."""

    def draw(self, day: date, provider: str, budget: Budget, need: Cost, want: Cost, debt: Cost) -> Cost | str:
        """Count *debt*; then take *need* at least, *want* at most, or say why not."""
        ...

    def add(self, day: date, provider: str, more: Cost) -> None:
        """Count *more* as drawn, whatever the limit."""
        ...


class Purse:
    """What one worker has drawn and not spent. *budgets* are those of the providers that have one."""

    def __init__(self, budgets: Mapping[str, Budget], till: Till, disk: Disk) -> None:
        self.budgets = budgets
        self._till, self._disk = till, disk
        self._left: dict[Account, Cost] = {}
        self._drawing: dict[Account, asyncio.Lock] = defaultdict(asyncio.Lock)

    def around(self, observe: Observe, bench: Bench) -> Observe:
        """*observe*, paid for; an attempt that the budget forbids is `observer_budget`."""

        async def paid(subject: Subject, tick: datetime, attempt: int, streams_open: int) -> Observation:
            provider = subject.place.provider
            if provider not in self.budgets:
                return await observe(subject, tick, attempt, streams_open)
            warm = wants_warm(subject.module, tick, attempt)
            account, cost = (provider, tick.date()), estimate(subject, warm=warm)
            if why := await self._pay(account, cost):
                return unobserved(bench, subject, tick, Reason.OBSERVER_BUDGET, why, attempt)
            seen = await observe(subject, tick, attempt, streams_open)
            if account in self._left:
                self._left[account] += cost - spent(subject, seen, warm=warm)
            return seen

        return paid

    async def give_back(self) -> None:
        """Return what was drawn and not spent; what was spent beyond it is owned up to."""
        for (provider, day), left in self._left.items():
            await self._add(provider, day, NOTHING - left)
        self._left.clear()

    async def _pay(self, account: Account, cost: Cost) -> str:
        """Take *cost* out of what is left, drawing more where needed; why not, when the budget forbids it."""
        if self._take(account, cost):
            return ""
        async with self._drawing[account]:  # another may have drawn enough for us meanwhile
            return "" if self._take(account, cost) else await self._draw(account, cost)

    def _take(self, account: Account, cost: Cost) -> bool:
        left = self._left.get(account, NOTHING)
        if not left.covers(cost):
            return False
        self._left[account] = left - cost
        return True

    async def _draw(self, account: Account, cost: Cost) -> str:
        provider, day = account
        left = self._left.get(account, NOTHING)
        self._left[account] = NOTHING  # whoever comes meanwhile waits for us
        have, debt = left.most(NOTHING), (NOTHING - left).most(NOTHING)
        need = (cost - have).most(NOTHING)
        try:
            drawn = await self._disk(
                self._till.draw, day, provider, self.budgets.get(provider, Budget()), need, cost.times(AHEAD), debt
            )
        except BudgetError as error:
            logger.error("%s", error)
            self._left[account] += left
            return str(error)
        self._left[account] += have
        if isinstance(drawn, str):
            return drawn
        self._left[account] += drawn - cost
        self._forget(day)
        return ""

    async def _add(self, provider: str, day: date, more: Cost) -> None:
        try:
            await self._disk(self._till.add, day, provider, more)
        except BudgetError as error:
            logger.error("%s", error)

    def _forget(self, day: date) -> None:
        """Yesterday may still be settled; what is older is over."""
        for account in [one for one in self._left if one[1] < day - timedelta(days=1)]:
            del self._left[account]
            self._drawing.pop(account, None)
