"""The page bench as a whole, at its smallest: Touchstone as its user starts it, and nothing left behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench.page import rows
from bench.page.cases import BY_NAME
from bench.page.gauntlet import run_gauntlet
from bench.page.house import OURS, opened
from bench.page.plan import QUICK
from bench.page.rows import Values

pytestmark = pytest.mark.slow
PLAN = replace(QUICK, cases=(replace(BY_NAME["reply-lost"], ours_s=20),))


@pytest.fixture(autouse=True)
def no_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are installed or not."""
    monkeypatch.setenv("PATH", "/nowhere")


def left_behind(folder: Path) -> list[str]:
    """The processes that have anything to do with *folder*."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_text().replace("\0", " ")
            if str(folder) in words:
                found.append(words)
    return found


async def test_a_case_is_played_from_outside_and_everything_is_stopped(tmp_path: Path) -> None:
    """Pages whose first reply was lost come again, by the same key; nobody is told of anything else."""
    said: list[str] = []
    async with opened(PLAN, folder=tmp_path / "run", logs=tmp_path, say=said.append) as house:
        heard, complaints = await run_gauntlet(house, from_s=0)
        assert left_behind(tmp_path)
    ours = heard["reply-lost"][OURS]

    assert (complaints, house.receiver.unread) == ([], [])
    assert rows.duplicates(ours) == Values((0.0,))
    assert rows.deliveries(ours) == Values((2.0,))
    assert {one.said.subject for one in ours.arrivals} == set(ours.subjects)
    assert "the peers are absent" in said[0]
    assert left_behind(tmp_path) == []


async def test_a_bench_that_is_cut_short_stops_everything_as_well(tmp_path: Path) -> None:
    """As on Ctrl-C."""
    at_work = asyncio.Event()

    async def bench() -> None:
        async with (
            opened(PLAN, folder=tmp_path / "run", logs=tmp_path, say=print) as house,
            house.touchstone(house.wanted_main(OURS)),
        ):
            assert len(left_behind(tmp_path)) >= 3
            at_work.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(bench())
    waiting = asyncio.create_task(at_work.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert at_work.is_set()
    assert left_behind(tmp_path) == []
