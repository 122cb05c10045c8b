"""The spools of one agent: a file for each worker, those of workers that are gone among them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from probes.spool import Ledger, Seen, Spool, SpoolView, joined
from probes.spool_bounds import Bounds


def spool_file(spool: Path, worker: int) -> Path:
    """The spool of *worker*, where the setting `agent.spool` is *spool*: `spool.db` gives `spool-0.db`."""
    return spool.with_name(f"{spool.stem}-{worker}{spool.suffix}")


def budget_file(spool: Path) -> Path:
    """The ledger of budgets that the workers share: `spool.db` gives `spool-budget.db`."""
    return spool.with_name(f"{spool.stem}-budget{spool.suffix}")


def spool_files(spool: Path) -> list[Path]:
    """Every worker's spool that is there, by number; before them *spool* itself, as an agent of one process left it."""
    pattern = re.compile(rf"{re.escape(spool.stem)}-(\d{{1,2}}){re.escape(spool.suffix)}")
    numbered = {
        int(match[1]): file for file in spool.parent.glob(f"*{spool.suffix}") if (match := pattern.fullmatch(file.name))
    }
    return [*([spool] if spool.is_file() else []), *(file for _, file in sorted(numbered.items()))]


def read_ledger(spool: Path) -> Ledger | None:
    """The ledgers of all of an agent's spools together, whoever has them open; None when there is none."""
    ledgers = []
    for file in spool_files(spool):
        view = SpoolView(file)
        try:
            ledgers.append(view.ledger())
        finally:
            view.close()
    return total(ledgers) if ledgers else None


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """Several ledgers as one."""
    listed = list(ledgers)
    costs = sum((Counter(one.costs) for one in listed), Counter[str]())
    sums = {name: sum(getattr(one, name) for one in listed) for name in _COUNTS}
    return Ledger(**sums, costs=dict(costs))


_COUNTS = ("spooled", "delivered", "dropped", "shortened")


class WorkerSpool:
    """A worker's own spool, to put into; and what all others remember, because a target may have been another's."""

    def __init__(self, spool: Path, worker: int, bounds: Bounds) -> None:
        own = spool_file(spool, worker)
        self._own = Spool(own, bounds)
        self._others = [SpoolView(file) for file in spool_files(spool) if file != own]
        self.put, self.forget = self._own.put, self._own.forget

    def close(self) -> None:
        """Let go of every file."""
        self._own.close()
        for other in self._others:
            other.close()

    def seen(self, trail: str) -> Seen | None:
        """The ticks that any worker remembers of *trail*."""
        return joined([self._own.seen(trail), *(other.seen(trail) for other in self._others)])
