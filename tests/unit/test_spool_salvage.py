"""A spool that was broken while nobody had it open: what can be read is saved, the rest is counted and told."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from probes.spool import Ledger, Spool
from probes.spool_bounds import Bounds
from probes.spool_files import spool_files
from probes.spool_salvage import salvaged
from schemas.errors import SpoolError
from schemas.observation import Observation
from tests.support.observations import TICK, seen

KEY = "acme/east/chat|chat"
NOW = datetime(2026, 11, 25, 3, 12, tzinfo=UTC)
ROWS = 1500
PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A spool in which ROWS observations wait, everything in the one file, after 500 were delivered."""
    file = tmp_path / "spool-0.db"
    with closing(Spool(file, Bounds(100_000))) as spool:
        spool.put([(KEY, seen(tick=TICK + timedelta(seconds=number))) for number in range(500 + ROWS)])
        batch = spool.next_batch(500)
        assert batch is not None
        spool.delivered(batch)
        spool.put([("other", seen("acme/west/chat", TICK - timedelta(seconds=1)))])
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode=DELETE")
    return file


def broken(path: Path, *, pages: range) -> None:
    """Other bytes where some pages of the file were."""
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)


def drained(path: Path) -> list[Observation]:
    """Everything that waits."""
    found: list[Observation] = []
    with closing(Spool(path, Bounds(100_000))) as spool:
        while batch := spool.next_batch(500):
            found += batch.observations()
            spool.delivered(batch)
    return found


def test_a_whole_spool_is_left_alone(path: Path, tmp_path: Path) -> None:
    """Nor is one that is not there, or was only begun."""
    begun = tmp_path / "begun.db"
    sqlite3.connect(begun).close()

    assert [salvaged(file, NOW) for file in (path, tmp_path / "none.db", begun)] == [None, None, None]
    assert len(drained(path)) == ROWS + 1


def test_broken_pages_in_the_middle_cost_their_rows_and_no_others(path: Path) -> None:
    """The others are delivered as they were; what is lost is counted, the broken file lies beside with the date."""
    pages = path.stat().st_size // PAGE
    broken(path, pages=range(pages // 2, pages // 2 + 3))
    salvage = salvaged(path, NOW)
    assert salvage is not None
    with closing(Spool(path, Bounds(100_000))) as spool:
        ledger, known = spool.ledger(), spool.seen(KEY)
    out = drained(path)

    assert salvage.rows == len(out)
    assert 0 < salvage.lost < 40
    assert salvage.rows + salvage.lost == ROWS + 1
    assert ledger == Ledger(500 + ROWS + 1, 500, salvage.lost, costs={"dropped_corrupt": salvage.lost})
    assert len({one.id for one in out}) == len(out)
    assert known is not None
    assert path.with_name("spool-0.broken-20261125T031200.db").exists()
    assert str(salvage).startswith(f"{path} is broken (")
    assert f"{salvage.rows} observations were saved into a new spool, {salvage.lost} are lost" in str(salvage)
    assert salvaged(path, NOW) is None


def test_the_file_set_aside_is_taken_for_no_spool(path: Path) -> None:
    """Neither is it shipped nor read as memory."""
    broken(path, pages=range(20, 22))
    salvaged(path, NOW)

    assert spool_files(path.with_name("spool.db")) == [path]


@pytest.mark.parametrize("pages", [range(1), range(10_000)], ids=["the head", "everything"])
def test_when_nothing_can_be_read_there_is_a_new_spool_all_the_same(path: Path, pages: range) -> None:
    """The agent must start; that nothing was saved is said."""
    broken(path, pages=range(pages.start, min(pages.stop, path.stat().st_size // PAGE)))
    salvage = salvaged(path, NOW)

    assert salvage is not None
    assert salvage.rows == 0
    assert drained(path) == []


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that lost the end of the file."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // PAGE // 2 * PAGE)
    with caplog.at_level(logging.ERROR):
        salvage = salvaged(path, NOW)

    assert salvage is not None
    assert 100 < salvage.rows < ROWS
    assert len(drained(path)) == salvage.rows


def test_a_broken_spool_that_cannot_be_set_aside_is_said(tmp_path: Path, path: Path) -> None:
    """It is not thrown away, and nobody goes on as if nothing were."""
    broken(path, pages=range(1))
    taken = path.with_name("spool-0.broken-20261125T031200.db")
    taken.mkdir()
    (taken / "full").touch()

    with pytest.raises(SpoolError, match="is broken, and cannot be set aside"):
        salvaged(path, NOW)
    assert path.exists()
