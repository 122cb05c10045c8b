"""A spool for each worker: found by name, counted together, and remembering for one another."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from probes.spool import Ledger, Spool
from probes.spool_bounds import Bounds
from probes.spool_files import WorkerSpool, read_ledger, spool_file, spool_files
from tests.support.observations import TICK, seen

TRAIL = "acme/east/chat|chat|60000+17"


def filled(path: Path, first: int, count: int) -> None:
    """A spool at *path* in which ticks number *first* and following wait."""
    with closing(Spool(path, Bounds(10_000))) as spool:
        spool.put([(TRAIL, seen(tick=TICK + timedelta(minutes=number))) for number in range(first, first + count)])


def test_the_spools_of_an_agent_are_found_by_their_names(tmp_path: Path) -> None:
    """By number, an older agent's single file first; nobody else's file is taken for one."""
    place = tmp_path / "spool.db"
    for name in ("spool.db", "spool-10.db", "spool-2.db", "spool-0.db", "spool-old.db", "spool-1.db-wal", "other-1.db"):
        (tmp_path / name).touch()

    assert spool_file(place, 2) == tmp_path / "spool-2.db"
    assert [file.name for file in spool_files(place)] == ["spool.db", "spool-0.db", "spool-2.db", "spool-10.db"]


def test_the_ledger_of_an_agent_is_that_of_all_its_spools(tmp_path: Path) -> None:
    """Of workers that are gone, too; without a spool there is none."""
    place = tmp_path / "spool.db"
    assert read_ledger(place) is None
    filled(spool_file(place, 0), 0, 3)
    filled(spool_file(place, 5), 3, 4)

    assert read_ledger(place) == Ledger(spooled=7, delivered=0, dropped=0)


def test_a_worker_remembers_what_another_saw_before_the_target_became_its_own(tmp_path: Path) -> None:
    """After a change of the number of workers no tick is taken for missed that another has seen."""
    place = tmp_path / "spool.db"
    filled(spool_file(place, 0), 0, 3)
    with closing(WorkerSpool(place, 1, Bounds(10_000))) as spool:
        spool.put([(TRAIL, seen(tick=TICK + timedelta(minutes=3)))])
        known = spool.seen(TRAIL)

    assert known is not None
    assert known.ticks == {TICK + timedelta(minutes=number) for number in range(4)}
