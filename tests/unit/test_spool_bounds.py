"""A spool never grows past its bounds, and what they cost is told: a tick first, and a count only at the very end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.spool import Ledger, Spool
from probes.spool_bounds import Bounds
from probes.spool_watch import costs_said, keep_watching
from schemas.observation import Observation, Outcome, Reason, Timings
from tests.support.observations import TICK, fullest, seen
from tests.support.virtual_loop import VirtualClock, VirtualLoop

KEY = "acme/east/chat|chat"
MIB = 1024 * 1024


def ticks(first: int, count: int, every_s: int = 1, arrivals: int = 0) -> list[tuple[str, Observation]]:
    """Observations number *first* and following, with so many stamps of arrival each."""
    timings = Timings(arrivals_ms=tuple(float(n) for n in range(arrivals)))
    return [
        (KEY, seen(tick=at, started_at=at, finished_at=at, timings=timings))
        for at in (TICK + timedelta(seconds=number * every_s) for number in range(first, first + count))
    ]


def drained(spool: Spool) -> list[Observation]:
    """Everything, delivered."""
    found: list[Observation] = []
    while batch := spool.next_batch(500):
        found += batch.observations()
        spool.delivered(batch)
    return found


def test_of_the_oldest_rows_the_tick_is_kept_as_not_observed(tmp_path: Path) -> None:
    """The same natural key, our own reason, and nothing that was measured; the newest are whole."""
    whole = [one for _, one in ticks(0, 12)]
    with closing(Spool(tmp_path / "spool.db", Bounds(10))) as spool:
        spool.put([(KEY, one) for one in whole])
        out, ledger = drained(spool), spool.ledger()

    assert [one.id for one in out] == [one.id for one in whole]
    assert out[2:] == whole[2:]
    assert {(one.outcome, one.reason) for one in out[:2]} == {(Outcome.NOT_OBSERVED, Reason.OBSERVER_SPOOL)}
    assert {one.detail for one in out[:2]} == {"the agent's spool was full (rows): only the tick was kept"}
    assert ledger == Ledger(12, 12, 0, shortened=2, costs={"shortened_rows": 2})


def test_a_shortened_row_keeps_who_was_asked_and_nothing_of_the_answer(tmp_path: Path) -> None:
    """Target, cluster, region, model, module, vantage; no timing, no token, no status, no digest."""
    one = fullest()
    kept = {name: getattr(one, name) for name in ("region", "model", "access_path", "agent_version")}
    names = ("timings", "tokens", "figures", "samples", "instrument", "finish_reason", "account")
    lost = {name: getattr(one, name) for name in names}
    first = seen(**kept, **lost, http_status=200, bytes_in=9, answer_digest="ab", server_request_id="r")
    with closing(Spool(tmp_path / "spool.db", Bounds(1))) as spool:
        spool.put([(KEY, first), *ticks(1, 1)])
        short = drained(spool)[0]

    not_observed = {"outcome": Outcome.NOT_OBSERVED, "reason": Reason.OBSERVER_SPOOL, "detail": short.detail}
    assert short == seen(**kept, **not_observed, finished_at=first.tick, streams_open=0)


def test_ticks_are_bounded_too_and_the_oldest_are_dropped_and_counted(tmp_path: Path) -> None:
    """As many ticks as whole rows; what is beyond is gone, and the ledger says so."""
    with closing(Spool(tmp_path / "spool.db", Bounds(10))) as spool:
        for first in range(0, 50, 5):
            spool.put(ticks(first, 5))
        out, ledger = drained(spool), spool.ledger()

    assert [one.tick for one in out] == [one.tick for _, one in ticks(30, 20)]
    assert ledger == Ledger(50, 20, 30, shortened=40, costs={"shortened_rows": 40, "dropped_rows": 30})


def test_a_reprobe_is_no_tick_and_is_dropped_whole(tmp_path: Path) -> None:
    """Nothing is missing without it."""
    confirms = [(KEY, seen(attempt=attempt)) for attempt in (0, 1, 2)]
    with closing(Spool(tmp_path / "spool.db", Bounds(10))) as spool:
        spool.put([*confirms, *ticks(1, 10)])
        out, ledger = drained(spool), spool.ledger()

    assert [one.attempt for one in out] == [0] * 11
    assert (ledger.shortened, ledger.dropped, ledger.costs) == (1, 2, {"shortened_rows": 1, "dropped_rows": 2})


def test_bytes_are_bounded_by_shortening_as_many_as_it_takes(tmp_path: Path) -> None:
    """Long streams: a fraction of them stays whole, every tick stays, and the file does not grow for ever."""
    path = tmp_path / "spool.db"
    with closing(Spool(path, Bounds(10_000, bytes=MIB))) as spool:
        for first in range(0, 2000, 20):
            spool.put(ticks(first, 20, arrivals=400))
        ledger, out = spool.ledger(), drained(spool)

    whole = [one for one in out if one.outcome is Outcome.OK]
    assert [one.tick for one in out] == [one.tick for _, one in ticks(0, 2000)]
    assert 100 < len(whole) < 250  # 5.1 kB each
    assert ledger.costs == {"shortened_bytes": 2000 - len(whole)}
    assert path.stat().st_size < 2 * MIB


def test_a_row_that_has_waited_too_long_becomes_a_tick(tmp_path: Path) -> None:
    """A collector that was away for days: what is older than the bound is told, not shown."""
    with closing(Spool(tmp_path / "spool.db", Bounds(10_000, age=timedelta(hours=1)))) as spool:
        for number in range(120):
            spool.put(ticks(number, 1, every_s=60))
        ledger, out = spool.ledger(), drained(spool)

    assert len(out) == 120
    assert ledger.costs == {"shortened_age": 59}
    assert [one.outcome for one in out].count(Outcome.OK) == 61


def test_a_tick_older_than_the_store_would_keep_is_dropped(tmp_path: Path) -> None:
    """Half a year in a spool: the collector would refuse it."""
    with closing(Spool(tmp_path / "spool.db", Bounds(10_000))) as spool:
        spool.put(ticks(0, 3))
        spool.put(ticks(1, 1, every_s=181 * 86_400))
        ledger = spool.ledger()

    assert (ledger.pending, ledger.dropped) == (1, 3)
    assert ledger.costs == {"shortened_age": 3, "dropped_age": 3}


def test_the_bounds_hold_after_a_restart_with_lower_ones(tmp_path: Path) -> None:
    """Reached by the puts that follow, a bounded piece of work each."""
    path = tmp_path / "spool.db"
    with closing(Spool(path, Bounds(100_000))) as spool:
        spool.put(ticks(0, 6000))
    with closing(Spool(path, Bounds(1000))) as spool:
        for number in range(3):
            spool.put(ticks(6000 + number, 1))
        ledger = spool.ledger()

    assert ledger.pending == 2000
    assert (ledger.shortened, ledger.dropped) == (5003, 4003)


@settings(max_examples=25, deadline=None)
@given(
    puts=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60), st.booleans()), min_size=1, max_size=12),
    rows=st.integers(5, 40),
    kib=st.integers(10, 60),
)
def test_whatever_comes_the_bounds_hold_and_every_tick_is_told_or_counted(
    puts: list[tuple[int, int, bool]], rows: int, kib: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rows, bytes, and the sum: delivered and dropped make up what came in, in order, none twice."""
    with closing(Spool(tmp_path_factory.mktemp("spool") / "spool.db", Bounds(rows, bytes=kib * 1024))) as spool:
        put, out = 0, list[Observation]()
        for size, arrivals, deliver in puts:
            spool.put(ticks(put, size, arrivals=arrivals))
            put += size
            ledger = spool.ledger()
            assert ledger.pending <= 2 * rows
            if deliver and (batch := spool.next_batch(7)):
                out += batch.observations()
                spool.delivered(batch)
        out += drained(spool)
        ledger = spool.ledger()

    assert [one.tick for one in out] == sorted({one.tick for one in out})
    assert len(out) + ledger.dropped == put
    assert sum(value for name, value in ledger.costs.items() if name.startswith("dropped")) == ledger.dropped
    assert sum(one.reason is Reason.OBSERVER_SPOOL for one in out) <= ledger.shortened


def test_a_cost_is_said_in_words() -> None:
    """What, by which bound, how many more than before, and what waits."""
    ledger = Ledger(100, 10, 5, shortened=30, costs={"shortened_bytes": 30, "dropped_rows": 5})

    assert costs_said(ledger, {"shortened_bytes": 10}) == (
        "the spool is full: 5 dropped by rows, 20 shortened by bytes. Shortened observations become not_observed "
        "(observer_spool), dropped ones are gone; 85 wait"
    )


def test_new_costs_are_said_once_a_minute_at_most(caplog: pytest.LogCaptureFixture) -> None:
    """At once when they begin, then not a line for every second of an outage; an earlier process's not again."""
    clock, told = VirtualClock(), list[Ledger]()
    loop = VirtualLoop(clock)

    def look(second: int) -> Ledger:
        return Ledger(1000, 0, 0, shortened=second, costs={"shortened_rows": 7 + max(0, second - 10)})

    async def ledger() -> Ledger:
        return look(len(told))

    with caplog.at_level(logging.ERROR):
        loop.run_until_complete(bounded(keep_watching(ledger, told.append, clock), clock, 150))
    loop.close()

    assert [record.getMessage().split(":")[1].split(".")[0] for record in caplog.records] == [
        " 1 shortened by rows", " 60 shortened by rows", " 60 shortened by rows",
    ]  # fmt: skip
    assert len(told) > 140


async def bounded(work: Coroutine[None, None, None], clock: VirtualClock, seconds: float) -> None:
    """*work* for so long, then cancelled."""
    task = asyncio.create_task(work)
    await clock.sleep(seconds)
    task.cancel()
