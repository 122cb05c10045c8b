"""Full, read-only and broken disks beneath the spool and the store: nothing is lost, and work resumes by itself."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from collector.ingest import Ingest
from collector.storage.clickhouse import ClickHouse
from collector.storage.migrations import migrate
from collector.storage.rows import key_of
from probes.spool import Spool
from probes.spool_bounds import Bounds
from schemas.config import Store
from schemas.errors import SpoolError, StoreUnavailable
from schemas.observation import Observation, Timings
from tests.support.batches import body_of_batch
from tests.support.observations import TICK, seen
from tests.support.own_store import own_store
from tests.support.small_disks import small_disk
from touchstone.collecting import StoreWriter
from touchstone.system_clock import SystemClock

pytestmark = pytest.mark.slow
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
KEY = "acme/east/chat|chat"


def some(first: int, count: int = 20) -> list[Observation]:
    """Observations number *first* and following, 2 kB each."""
    timings = Timings(arrivals_ms=tuple(float(n) for n in range(100)))
    return [seen(tick=TICK + timedelta(seconds=number), timings=timings) for number in range(first, first + count)]


def put(spool: Spool, first: int) -> list[Observation]:
    """Twenty, and what they are."""
    spool.put([(KEY, one) for one in some(first)])
    return some(first)


def filled(spool: Spool) -> list[Observation]:
    """Put until the disk refuses; what was taken."""
    taken: list[Observation] = []
    for first in range(0, 100_000, 20):
        try:
            taken += put(spool, first)
        except SpoolError:
            return taken
    raise AssertionError("the disk never was full")


def drained(spool: Spool) -> list[Observation]:
    """Everything, delivered."""
    found: list[Observation] = []
    while batch := spool.next_batch(200):
        found += batch.observations()
        spool.delivered(batch)
    return found


def test_a_spool_on_a_full_disk_refuses_whole_puts_and_can_still_be_emptied(tmp_path: Path) -> None:
    """Eight megabytes: every put that returned is delivered, once; deliveries make room, and it takes again."""
    with small_disk(tmp_path / "disk", mib=8) as disk, closing(Spool(disk.folder / "s.db", Bounds(10**6))) as spool:
        for _ in range(3):
            taken = filled(spool)
            assert len(taken) > 500
            assert [one.id for one in drained(spool)] == [one.id for one in taken]

        assert spool.ledger().pending == spool.ledger().dropped == 0


def test_a_spool_on_a_disk_that_others_have_filled_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """What was in it stays, nothing is taken that is not kept, and nobody has to start anything again."""
    with small_disk(tmp_path / "disk", mib=4) as disk:
        with closing(Spool(disk.folder / "s.db", Bounds(10**6))) as spool:
            first = put(spool, 0) + put(spool, 20)
            disk.fill()
            with pytest.raises(SpoolError, match=r"cannot be written: .*full"):
                put(spool, 40)
            disk.free()
            assert [one.id for one in drained(spool)] == [one.id for one in first]
            more = put(spool, 5000)
        with closing(Spool(disk.folder / "s.db", Bounds(10**6))) as again:
            assert [one.id for one in drained(again)] == [one.id for one in more]


def test_a_spool_on_a_read_only_disk_refuses_and_goes_on_afterwards(tmp_path: Path) -> None:
    """The kernel made the disk read-only: nothing is lost, the error says so, and no restart is needed."""
    with small_disk(tmp_path / "disk", mib=4) as disk, closing(Spool(disk.folder / "s.db", Bounds(10**6))) as spool:
        taken = put(spool, 0)
        spool.close()
        disk.make("ro")
        with pytest.raises(SpoolError, match="cannot be opened as a spool"):
            Spool(disk.folder / "s.db", Bounds(10**6))
        disk.make("rw")
        with closing(Spool(disk.folder / "s.db", Bounds(10**6))) as again:
            assert [one.id for one in drained(again)] == [one.id for one in taken]


def test_an_agent_on_a_read_only_disk_says_so_in_one_line(tmp_path: Path) -> None:
    """Exit 3 with the spool's path, and no traceback: whoever keeps it running starts it again."""
    with small_disk(tmp_path / "disk", mib=4) as disk:
        config = tmp_path / "touchstone.yaml"
        settings = {"version": 1, "fleet": "fleet.yaml", "agent": {"spool": f"{disk.folder}/s.db"}}
        target = {"model": "m", "url": "http://127.0.0.1:1", "modules": ["up"]}
        fleet = {"providers": {"acme": {"clusters": {"east": {"targets": {"a": target}}}}}}
        config.write_text(yaml.safe_dump(settings | {"modules": {"up": {"kind": "http_request"}}}))
        (tmp_path / "fleet.yaml").write_text(yaml.safe_dump(fleet))
        disk.make("ro")
        command = [sys.executable, "-m", "touchstone", "-c", str(config), "agent"]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert said.returncode == 3
    assert len(said.stderr.splitlines()) == 1, said.stderr
    assert str(disk.folder) in said.stderr


async def ingest_into(house: ClickHouse) -> Ingest:
    """As the collector joins it, without deciding."""

    async def decided(_: object) -> None:
        return None

    return Ingest(StoreWriter(house), key_of, decided, SystemClock(), bytes_max=2**24, spans_max=10_000)


async def test_a_store_on_a_full_disk_takes_nothing_that_it_does_not_keep(tmp_path: Path) -> None:
    """What was refused is retried and there once; what was acknowledged before is there all the while."""
    bodies = [
        body_of_batch(n + 1, [seen(f"acme/east/t{t}", NOW + timedelta(seconds=n)) for t in range(200)])
        for n in range(40)
    ]
    with small_disk(tmp_path / "disk", mib=192) as disk, own_store(disk.folder / "store") as served:
        store = Store(url=served.url, database="touchstone_full")
        migrate(store)
        house = await ClickHouse.connect(store, clock=SystemClock())
        try:
            ingest = await ingest_into(house)
            await ingest.take(bodies[0], "")
            disk.fill()
            acknowledged, refused = 1, 0
            for body in bodies[1:]:
                try:
                    await ingest.take(body, "")
                    acknowledged += 1
                except StoreUnavailable as error:
                    refused += 1
                    assert "space" in str(error).lower(), error
                    break
            assert refused == 1, "the disk never was full"
            assert served.client().query("SELECT count() FROM touchstone_full.observations").first_row[0] >= 200
            disk.free()
            for body in bodies:
                await ingest.take(body, "")
            total, different = served.client().query(
                "SELECT count(), uniqExact(target, tick) FROM touchstone_full.observations"
            ).first_row  # fmt: skip
        finally:
            await house.close()

    assert (total, different) == (8000, 8000)
    assert acknowledged >= 1


def test_a_part_that_was_cut_off_is_set_aside_and_the_rest_is_there(tmp_path: Path) -> None:
    """The engine opens, detaches what is broken, and lists it: `touchstone store check` shows the list."""
    folder = tmp_path / "store"
    with own_store(folder) as served:
        client = served.client()
        client.command("CREATE TABLE t (day Date, n UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY n")
        for day in (1, 2, 3):
            client.command(f"INSERT INTO t SELECT toDate('2026-11-0{day}'), number FROM numbers(100000)")
        where = client.query(
            "SELECT path FROM system.parts WHERE table = 't' AND partition = '2026-11-02' AND active"
        ).first_row[0]  # fmt: skip
    part = Path(where)
    data = next(file for file in sorted(part.iterdir()) if file.name in {"data.bin", "n.bin"})
    with data.open("r+b") as file:
        file.truncate(data.stat().st_size // 2)
    with own_store(folder) as served:
        client = served.client()
        days = client.query("SELECT day, count() FROM t GROUP BY day ORDER BY day").result_rows
        detached = client.query("SELECT partition_id, reason FROM system.detached_parts WHERE table = 't'").result_rows

    assert [(day.day, n) for day, n in days] == [(1, 100_000), (3, 100_000)]
    assert [(partition, "broken" in reason) for partition, reason in detached] == [("20261102", True)]


def test_a_row_that_fell_over_on_the_disk_costs_only_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Bits that nobody checks but we: the others of its batch are delivered, the log names the row."""
    file = tmp_path / "s.db"
    with closing(Spool(file, Bounds(10**6))) as spool:
        taken = put(spool, 0)
    content = file.read_bytes()
    at = content.index(taken[7].id.bytes)
    file.write_bytes(content[: at + 3] + bytes([content[at + 3] ^ 1]) + content[at + 4 :])
    with caplog.at_level(logging.ERROR), closing(Spool(file, Bounds(10**6))) as spool:
        found = drained(spool)

    assert [one.id for one in found] == [one.id for number, one in enumerate(taken) if number != 7]
    assert "1 rows are broken and were dropped: [8]" in caplog.text
