"""What the spool has taken is on disk until it is delivered, exactly once, whatever happens to the process."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.spool import (
    BATCH_BYTES_MAX,
    PRUNE_EVERY,
    SCHEMA,
    SEEN_PER_SUBJECT_MAX,
    Batch,
    Ledger,
    Seen,
    Spool,
    SpoolView,
    joined,
)
from probes.spool_bounds import Bounds
from schemas.errors import SpoolError
from schemas.nanoseconds import to_ns
from schemas.observation import Observation, Outcome, Timings
from schemas.wire import to_attributes
from tests.support.observations import TICK, fullest, seen

ROOT = Path(__file__).parents[2]
KEY = "acme/east/chat|chat"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ticks(first: int, count: int) -> list[tuple[str, Observation]]:
    """Observations number *first* and following, one a second."""
    return [(KEY, seen(tick=TICK + timedelta(seconds=number))) for number in range(first, first + count)]


def numbers(batch: Batch | None) -> list[int]:
    """Which of `ticks` a batch holds."""
    return [round((one.tick - TICK).total_seconds()) for one in batch.observations()] if batch else []


def drained(spool: Spool, rows_max: int = 3) -> list[int]:
    """Every number, in the order of delivery; all are delivered."""
    found: list[int] = []
    while batch := spool.next_batch(rows_max):
        found += numbers(batch)
        spool.delivered(batch)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a spool may be made; its folder is not there yet."""
    return tmp_path / "var" / "spool.db"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    """An open spool with room for 100 rows."""
    with closing(Spool(path, Bounds(100))) as opened:
        yield opened


def test_what_goes_in_comes_out_in_order_and_unchanged(spool: Spool) -> None:
    """Every field, oldest first, in batches of the size asked for."""
    spool.put([*ticks(0, 6), (KEY, fullest())])
    first = spool.next_batch(4)
    assert first is not None
    spool.delivered(first)
    second = spool.next_batch(4)
    assert second is not None

    assert numbers(first) == [0, 1, 2, 3]
    assert second.observations() == [*(one for _, one in ticks(4, 2)), fullest()]
    assert [seq for seq, _ in (*first.rows, *second.rows)] == list(range(1, 8))


def test_behind_a_batch_that_is_under_way_comes_the_next(spool: Spool, path: Path) -> None:
    """In any order of delivery nothing goes twice, and what was not delivered is cut after a restart as before."""
    spool.put(ticks(0, 8))
    first = spool.next_batch(3)
    second = spool.next_batch(3, first)
    third = spool.next_batch(3, second)
    assert first is not None and second is not None and third is not None
    assert [numbers(one) for one in (first, second, third)] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert [one.after for one in (first, second, third)] == [None, first.id, second.id]
    assert spool.next_batch(3, third) is None

    spool.delivered(second)
    spool.close()
    with closing(Spool(path, Bounds(100))) as again:
        assert again.next_batch(100) == first
        assert again.next_batch(100, first) == Batch(third.id, third.rows, first.id)
        assert drained(again) == [0, 1, 2, 6, 7]
        assert again.ledger().pending == 0


def test_a_batch_stays_the_same_until_it_is_delivered(spool: Spool, path: Path) -> None:
    """A retry sends the same rows under the same id, also when more came in, or after a restart."""
    spool.put(ticks(0, 3))
    batch = spool.next_batch(10)
    spool.put(ticks(3, 3))
    assert spool.next_batch(2) == batch
    spool.close()

    with closing(Spool(path, Bounds(100))) as again:
        assert again.next_batch(100) == batch
        assert drained(again) == [0, 1, 2, 3, 4, 5]


def test_no_two_batches_share_an_id(path: Path, tmp_path: Path) -> None:
    """Not within a spool, and not between two that hold the same rows."""
    ids = []
    for place in (path, tmp_path / "other.db"):
        with closing(Spool(place, Bounds(100))) as spool:
            spool.put(ticks(0, 20))
            while batch := spool.next_batch(2):
                ids.append(batch.id)
                spool.delivered(batch)

    assert len(set(ids)) == 20
    assert all(0 <= id < 2**63 for id in ids)


def test_delivered_twice_counts_once(spool: Spool) -> None:
    """An answer that came twice forgets nothing else."""
    spool.put(ticks(0, 5))
    batch = spool.next_batch(2)
    assert batch is not None
    spool.delivered(batch)
    spool.delivered(batch)

    assert spool.ledger() == Ledger(spooled=5, delivered=2, dropped=0)
    assert drained(spool) == [2, 3, 4]


def test_a_put_is_all_or_nothing(spool: Spool, path: Path) -> None:
    """The disk refuses the fourth row: none of the three before it is there, and the ledger does not count them."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(
            """CREATE TRIGGER full BEFORE INSERT ON rows WHEN (SELECT count(*) FROM rows) >= 3
               BEGIN SELECT RAISE(ABORT, 'disk is full'); END"""
        )
    with pytest.raises(SpoolError, match="cannot be written: disk is full"):
        spool.put(ticks(0, 4))

    assert spool.ledger() == Ledger(0, 0, 0)
    assert spool.seen(KEY) is None
    spool.put(ticks(0, 3))
    assert drained(spool) == [0, 1, 2]


def test_a_batch_that_was_shortened_meanwhile_is_the_same_ticks(spool: Spool) -> None:
    """Cut, not delivered, overrun: the same batch again, with ticks for what was in it; its delivery adds up."""
    spool.put(ticks(0, 10))
    cut = spool.next_batch(4)
    spool.put(ticks(10, 92))
    again = spool.next_batch(4)

    assert cut is not None
    assert again is not None
    assert (cut.id, numbers(cut)) == (again.id, numbers(again)) == (again.id, [0, 1, 2, 3])
    assert [one.outcome for one in again.observations()] == [Outcome.NOT_OBSERVED] * 2 + [Outcome.OK] * 2
    assert drained(spool) == list(range(102))
    assert spool.ledger() == Ledger(102, 102, 0, shortened=2, costs={"shortened_rows": 2})


def test_a_batch_that_was_dropped_meanwhile_is_skipped(spool: Spool) -> None:
    """Overrun so far that not even its ticks are left: the next batch begins with what is."""
    spool.put(ticks(0, 10))
    spool.next_batch(4)
    for first in range(10, 260, 50):
        spool.put(ticks(first, 50))

    assert drained(spool) == list(range(60, 260))
    assert spool.ledger().dropped == 60


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 12)),
        st.tuples(st.just("deliver"), st.integers(1, 9)),
        st.tuples(st.just("retry"), st.integers(1, 9)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_the_ledger_always_adds_up(steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the order: spooled = delivered + dropped + waiting, and every row is delivered or dropped, once."""
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    spool, put, out = Spool(path, Bounds(20)), 0, []
    for step, size in steps:
        if step == "put":
            spool.put(ticks(put, size))
            put += size
        elif step == "reopen":
            spool.close()
            spool = Spool(path, Bounds(20))
        elif (batch := spool.next_batch(size)) and step == "deliver":
            spool.delivered(batch)
            out += numbers(batch)
        ledger = spool.ledger()
        assert (ledger.spooled, ledger.delivered) == (put, len(out))
        assert ledger.pending <= 40
    out += drained(spool)
    ledger = spool.ledger()
    spool.close()

    assert out == sorted(set(out))
    assert (ledger.spooled, ledger.delivered, ledger.dropped) == (put, len(out), put - len(out))


def test_every_tick_that_was_seen_is_remembered_even_when_delivered(spool: Spool) -> None:
    """By subject, since ever while they are few; re-probes are no ticks."""
    other = seen("acme/west/chat")
    confirm = seen(tick=TICK + timedelta(seconds=9), attempt=1)
    spool.put([*ticks(2, 3), ("other", other), (KEY, confirm)])
    drained(spool)

    assert spool.seen(KEY) == Seen(EPOCH, frozenset(one.tick for _, one in ticks(2, 3)))
    assert spool.seen("other") == Seen(EPOCH, frozenset({TICK}))
    assert spool.seen("never probed") is None


def test_the_memory_of_ticks_is_bounded_to_the_newest(spool: Spool) -> None:
    """Old ones are forgotten now and then; the newest 200 never."""
    for number in range(PRUNE_EVERY):
        spool.put(ticks(number * 5, 5))
    known = spool.seen(KEY)

    assert known is not None
    assert len(known.ticks) == SEEN_PER_SUBJECT_MAX
    oldest = TICK + timedelta(seconds=PRUNE_EVERY * 5 - SEEN_PER_SUBJECT_MAX)
    assert min(known.ticks) == oldest
    assert oldest - timedelta(seconds=1) < known.since <= oldest


def test_ticks_filled_in_before_what_was_forgotten_do_not_make_the_memory_look_whole(spool: Spool) -> None:
    """Old ticks come late, after newer ones were forgotten: the memory begins after what was forgotten all the same."""
    for number in range(PRUNE_EVERY):
        spool.put(ticks(number * 5, 5))
    before = spool.seen(KEY)
    spool.put(ticks(-20, 10))

    assert spool.seen(KEY) == before


def test_a_trail_that_is_forgotten_has_no_past(spool: Spool) -> None:
    """Its rows are still delivered; others are not touched."""
    spool.put([*ticks(0, 3), ("other", seen("acme/west/chat"))])
    spool.forget({KEY: TICK + timedelta(seconds=2)})

    assert spool.seen(KEY) == Seen(TICK + timedelta(seconds=2, milliseconds=1), frozenset())
    assert joined([spool.seen(KEY), Seen(EPOCH, frozenset({TICK}))]) == spool.seen(KEY)
    assert spool.seen("other") is not None
    assert drained(spool)[:3] == [0, 1, 2]


def test_what_several_spools_remember_of_a_subject_is_whole_only_since_the_latest_of_them() -> None:
    """A subject that moved from one worker to another: what one of them has forgotten is not taken for missed."""
    early, late = TICK, TICK + timedelta(hours=1)
    forgetful = Seen(late, frozenset({late}))

    assert joined([None, None]) is None
    assert joined([None, forgetful]) == forgetful
    assert joined([Seen(EPOCH, frozenset({early})), forgetful]) == forgetful


def test_a_stream_of_very_many_chunks_does_not_stop_the_spool(spool: Spool) -> None:
    """A provider that sends 25,000 tokens one by one: the first arrivals are kept, and it can be read again."""
    arrivals = tuple(float(number) for number in range(25_000))
    spool.put([(KEY, seen(timings=Timings(arrivals_ms=arrivals)))])
    batch = spool.next_batch(1)

    assert batch is not None
    assert batch.observations()[0].timings.arrivals_ms == arrivals[:20_000]


CHILD = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from probes.spool import Spool
from probes.spool_bounds import Bounds
from tests.support.observations import TICK, seen
spool = Spool(Path(sys.argv[1]), Bounds(10**6))
for put in range(10**6):
    spool.put([("k", seen(tick=TICK + timedelta(seconds=3 * put + row))) for row in range(3)])
    print(put, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_acknowledged(path: Path) -> None:
    """kill -9 in the middle of puts of three rows: whole puts are there, all that returned and at most one more."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    for _ in range(40):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    acknowledged = 40 + len(child.stdout.read().split())
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()

    with closing(Spool(path, Bounds(10**6))) as spool:
        puts, rest = divmod(spool.ledger().pending, 3)
        assert rest == 0
        assert acknowledged <= puts <= acknowledged + 1
        assert drained(spool, 50) == list(range(puts * 3))


def test_another_process_can_read_along(spool: Spool, path: Path, tmp_path: Path) -> None:
    """And what is seen, while the agent has it open; no spool is an error."""
    spool.put(ticks(0, 4))

    with closing(SpoolView(path)) as view:
        assert view.ledger() == Ledger(4, 0, 0)
        assert view.seen(KEY) == spool.seen(KEY)
    with pytest.raises(SpoolError, match="cannot be read"):
        SpoolView(tmp_path / "none.db")


def test_a_file_that_is_no_spool_is_a_spool_error(tmp_path: Path) -> None:
    """Garbage, a folder, or a place that cannot be made; the message names the path."""
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"this is not a database at all" * 400)
    for place in (garbage, tmp_path, garbage / "below" / "a" / "file"):
        with pytest.raises(SpoolError, match=f"^{place}: cannot be opened as a spool"):
            Spool(place, Bounds(100))
    with closing(SpoolView(garbage)) as view, pytest.raises(SpoolError, match="cannot be read"):
        view.ledger()


def test_a_broken_row_is_dropped_counted_and_told(spool: Spool, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bit that fell over on the disk: its row would make the whole delivery unreadable, the others go."""
    spool.put(ticks(0, 4))
    with closing(sqlite3.connect(path)) as other, other:
        body = bytearray(other.execute("SELECT body FROM rows WHERE seq = 2").fetchone()[0])
        body[40] ^= 4
        other.execute("UPDATE rows SET body = ? WHERE seq = 2", (bytes(body),))

    assert drained(spool) == [0, 2, 3]
    assert spool.ledger() == Ledger(4, 3, 1, costs={"dropped_corrupt": 1})
    assert "1 rows are broken and were dropped: [2]" in caplog.text


def test_a_batch_holds_no_more_bytes_than_a_delivery_may(spool: Spool) -> None:
    """Long streams: fewer rows at a time, in order; one that is too large alone goes alone."""
    arrivals = tuple(float(number) for number in range(20_000))  # 220 kB each
    spool.put([(KEY, seen(tick=TICK + timedelta(seconds=n), timings=Timings(arrivals_ms=arrivals))) for n in range(30)])
    sizes, found = [], []
    while batch := spool.next_batch(500):
        sizes.append(sum(len(span) for _, span in batch.rows))
        found += numbers(batch)
        spool.delivered(batch)

    assert found == list(range(30))
    assert max(sizes) <= BATCH_BYTES_MAX
    assert len(sizes) == 2


def test_a_spool_of_the_version_before_is_taken_over(path: Path) -> None:
    """Its rows were JSON: they are delivered as they were, under the batch that was cut; a broken one is dropped."""
    path.parent.mkdir()
    observations = [one for _, one in ticks(0, 3)]
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(SCHEMA)
        for one in observations:
            body = orjson.dumps([to_attributes(one), to_ns(one.started_at), to_ns(one.finished_at)])
            old.execute("INSERT INTO rows (body) VALUES (?)", (body,))
        old.execute("INSERT INTO rows (body) VALUES (x'00')")
        old.execute("INSERT INTO batches VALUES (1, 2, 77)")
        old.execute("UPDATE ledger SET value = 4 WHERE name = 'spooled'")
    with closing(Spool(path, Bounds(100))) as spool:
        batch = spool.next_batch(500)
        assert batch is not None
        assert (batch.id, batch.observations()) == (77, observations[:2])
        assert drained(spool) == [0, 1, 2]
        assert spool.ledger() == Ledger(4, 3, 1, costs={"dropped_corrupt": 1})


def test_a_spool_that_breaks_while_open_is_a_spool_error(spool: Spool, path: Path) -> None:
    """Each way of using it, when a table is gone."""
    spool.put(ticks(0, 2))
    batch = spool.next_batch(10)
    assert batch is not None
    with closing(sqlite3.connect(path)) as other:
        for table in ("rows", "seen", "batches", "ledger"):
            other.execute(f"DROP TABLE {table}")
    for use in (
        lambda: spool.put(ticks(2, 1)),
        lambda: spool.next_batch(10),
        lambda: spool.delivered(batch),
        lambda: spool.seen(KEY),
        lambda: spool.forget({KEY: TICK}),
        spool.ledger,
    ):
        with pytest.raises(SpoolError, match=f"^{path}: "):
            use()
