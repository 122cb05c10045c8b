"""The simulated week finds what it is there to find: each of these agents or machines is broken in one place."""

from __future__ import annotations

from datetime import datetime

import pytest

from probes.agent import Agent
from probes.gap_filler import GapFiller, Owed, Row
from tests.virtual_time.machine import Batch, Collector, Machine
from tests.virtual_time.week import Parts, Scale, run

SMALL = Scale(providers=2, clusters=3, length_s=3600.0, density=36.0)
SEEDS_MAX = 5


class SkippingFiller(GapFiller):
    """Leaves the first tick out of every lot that it fills in."""

    def _next_rows(self) -> tuple[list[Row], int, Owed | None]:
        rows, paid, rest = super()._next_rows()
        return rows[1:], paid, rest


class SkippingAgent(Agent):
    """An agent with it."""

    def __post_init__(self) -> None:
        """With another filler."""
        super().__post_init__()
        self._filler = SkippingFiller(self, self.memory, self.disk, rows_max=self.duty.settings.batch_rows_max)


class ForgetfulAgent(Agent):
    """When the clock was set back it goes on there, as if nothing had been taken of what now comes again."""

    def _rewind(self, now: datetime, back_s: float) -> None:
        for course in self._courses.values():
            course.earlier.clear()
            course.since = course.following = course.grid.after(now)
        self._line_up()


class LosingMachine(Machine):
    """What was put last is not on disk after a kill, though the agent was told that it is."""

    def killed(self) -> None:
        """A row short in every spool."""
        for spool in self.spools.all.values():
            if spool.rows:
                spool.rows.pop()


class CountingTwice(Collector):
    """Does not know a batch that comes again."""

    def _store(self, batch: Batch) -> None:
        number, spool = divmod(batch.id, 100)
        self._last[spool] = number - 1
        super()._store(batch)


BROKEN = {
    "the gap filler leaves a tick out": Parts(agent=SkippingAgent),
    "the agent forgets what it took before the clock was set back": Parts(agent=ForgetfulAgent),
    "the disk loses a row at a kill": Parts(machine=LosingMachine),
    "the collector stores a batch twice": Parts(collector=CountingTwice),
}


@pytest.mark.parametrize("parts", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_found(parts: Parts) -> None:
    """Within a few seeds; the same ones are good when nothing is broken."""
    found = next((seed for seed in range(SEEDS_MAX) if run(seed, SMALL, parts=parts).wrong), None)

    assert found is not None
    assert run(found, SMALL).wrong == []
