"""What keeps a store in order and hands its rows out: check, retention, sql, export, compare; over a real store."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import clickhouse_connect
import pyarrow.parquet as pq
import pytest

from collector.storage.clickhouse import ClickHouse
from collector.storage.connection import arguments
from collector.storage.rollups import DAY, floor
from collector.storage.rows import StoredRow
from schemas.config import Store
from schemas.observation import Outcome
from tests.support.observations import seen
from touchstone.system_clock import SystemClock

NOW = datetime.now(UTC)
TODAY = floor(NOW, DAY)
TICKS = [TODAY - 2 * DAY + timedelta(minutes=5 * n) for n in range(400)]
FLEET = """providers:
  acme: {clusters: {east: {targets: {chat: {model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}}}
"""
Run = Callable[..., CompletedProcess[bytes]]


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Iterator[Run]:
    """Runs `touchstone ARGUMENTS` in a folder of its own, over 400 observations that are rolled up."""
    asyncio.run(_fill(store))
    (tmp_path / "fleet.yaml").write_text(FLEET)

    def call(*words: str, more: str = "", given: bytes = b"", columns: int = 100) -> CompletedProcess[bytes]:
        (tmp_path / "touchstone.yaml").write_text(
            f'version: 1\nfleet: fleet.yaml\nstore: {{url: "{store.url}", database: {store.database}{more}}}\n'
            "modules: {chat: {kind: chat_stream}}\n"
        )
        command = [sys.executable, "-m", "touchstone", *words]
        environ = {"PATH": "/usr/bin:/bin", "COLUMNS": str(columns), "LANG": "C.UTF-8"}
        return subprocess.run(
            command, capture_output=True, input=given, timeout=60, env=environ, cwd=tmp_path, check=False
        )

    yield call


async def _fill(store: Store) -> None:
    house = await ClickHouse.connect(store, clock=SystemClock())
    outcomes = [Outcome.FAILED if n % 100 < 3 else Outcome.OK for n in range(len(TICKS))]
    rows = [seen(tick=tick, outcome=outcome, model="m") for tick, outcome in zip(TICKS, outcomes, strict=True)]
    await house.insert_observations([StoredRow(row, 1, n, row.finished_at) for n, row in enumerate(rows)])
    now = datetime.now(UTC)  # NOW may be long ago: it is that of the whole run
    await house.rollups.advance(now, now)
    await house.close()


def tell(store: Store, sql: str) -> Any:
    """Do something to the store behind everybody's back."""
    with clickhouse_connect.get_client(**arguments(store), database=store.database) as client:
        return client.command(sql)


def found(answer: CompletedProcess[bytes]) -> dict[str, list[str]]:
    """The findings of `store check --json`."""
    findings: dict[str, list[str]] = json.loads(answer.stdout)["findings"]
    return {name: said for name, said in findings.items() if said}


def test_a_store_that_is_whole_has_no_findings(run: Run) -> None:
    """Every table is looked at, and said so; exit 0."""
    answer = run("store", "check")

    assert answer.returncode == 0, answer.stderr
    said = answer.stdout.decode()
    assert "✓ rollups" in said and "✓ parts of observations" in said and "✓ migrations" in said
    assert "▲" not in said


def test_wrong_rollups_are_found_named_and_mended(run: Run, store: Store) -> None:
    """An hour of too many, a missing minute, a wrong bit, a look too few: found with their hour; gone after --mend."""
    hour = int((TODAY - DAY).timestamp())
    tell(
        store,
        f"""INSERT INTO rollup_hour (t, provider, cluster, target, vantage, kind, connection, n, ver)
            VALUES (toDateTime({hour}), 'acme', 'acme/east', 'acme/east/chat', 'here', 'chat_stream', 'cold', 99,
                    now64(6) + INTERVAL -1 SECOND + INTERVAL 2 SECOND)""",
    )
    answer = run("store", "check", "--json")
    assert answer.returncode == 1
    (said,) = found(answer)["rollups"][:1]
    assert said.startswith("rollup_hour: ") and f"{TODAY - DAY:%Y-%m-%d} 00:00 UTC acme/east/chat here" in said

    tell(store, "ALTER TABLE rollup_hour DELETE WHERE n = 99 SETTINGS mutations_sync = 1")
    tell(store, f"ALTER TABLE bad_minutes DELETE WHERE t < toDateTime({hour}) SETTINGS mutations_sync = 1")
    for change in (
        "model_hour DELETE",
        "model_times UPDATE n_gaps_billed = 9",
        "sights UPDATE down = 4095",
        "treatment_hour UPDATE ln = 1",
    ):
        tell(store, f"ALTER TABLE {change} WHERE t = toDateTime({hour}) SETTINGS mutations_sync = 1")
    tell(
        store,
        f"""INSERT INTO observations SELECT * REPLACE ('engine_metrics' AS kind, map('running', 3.) AS figures)
            FROM observations WHERE tick = toDateTime({hour})""",
    )
    missing = found(run("store", "check", "--json"))["rollups"]
    assert {said.partition(":")[0] for said in missing} == {
        "bad_minutes", "model_hour", "model_times", "model_times_day", "sights", "treatment_hour", "capacity_hour",
        "rollup_hour", "cluster_hour", "target_hour",
    }  # fmt: skip

    run("store", "check", "--mend")
    assert run("store", "check").returncode == 0


def test_rows_stored_twice_and_drift_are_found(run: Run, store: Store) -> None:
    """Each named; a mark that stands still too."""
    tell(store, "INSERT INTO observations SELECT * FROM observations ORDER BY tick LIMIT 1")
    tell(store, "ALTER TABLE schema_versions UPDATE md5 = 'x' WHERE version = 3 SETTINGS mutations_sync = 1")
    tell(store, "INSERT INTO schema_versions (version, name, md5) VALUES (9999, '9999_later.sql', 'y')")
    tell(store, "TRUNCATE TABLE rollup_marks")
    old = (NOW - timedelta(hours=1)).timestamp()
    tell(store, f"INSERT INTO rollup_marks VALUES ('facts', toDateTime64({old}, 3))")

    findings = found(run("store", "check", "--json"))

    assert f"acme/east/chat here chat_stream {TICKS[0]:%Y-%m-%d %H:%M:%S}.000 attempt 0 is stored 2 times" in str(
        findings["observations stored twice"]
    )
    assert "0003_verdicts.sql is not what was applied" in findings["migrations"][0]
    assert findings["migrations"][-1] == "9999_later.sql was applied by a newer version of Touchstone"
    assert "does the collector run?" in findings["rollups"][0]


def test_retention_is_shown_and_follows_the_settings(run: Run) -> None:
    """As made: nothing differs. Other settings: exit 1 until they are applied."""
    assert run("store", "retention").returncode == 0
    more = ", retention: {raw: 100d, rollups: 400d}"

    differs = run("store", "retention", more=more, columns=60)
    assert differs.returncode == 1
    assert "180 d, should be 100 d" in differs.stdout.decode()
    assert max(len(line) for line in differs.stdout.decode().splitlines()) <= 60

    assert run("store", "retention", "--apply", more=more).returncode == 0
    tables = {one["table"]: one for one in json.loads(run("store", "retention", "--json", more=more).stdout)["tables"]}
    assert (tables["observations"]["days"], tables["rollup_hour"]["days"], tables["verdicts"]["days"]) == (
        100,
        400,
        None,
    )
    assert tables["observations"]["rows"] == 400
    assert tables["observations"]["oldest"] is not None


def test_facts_cannot_be_kept_for_less_than_the_verdicts_window(run: Run) -> None:
    """Two days of facts and a window of thirty: refused, with the names of both."""
    answer = run("store", "retention", more=", retention: {raw: 2d}")

    assert answer.returncode == 2
    assert b"store.retention.raw is shorter than tiers.window" in answer.stderr


def test_sql_reads_and_cannot_change_anything(run: Run, store: Store) -> None:
    """From the command line or standard input, with parameters, in any format."""
    query = "SELECT outcome, count() AS n FROM observations WHERE target = {t:String} GROUP BY outcome ORDER BY n"
    assert run("sql", query, "-p", "t=acme/east/chat").stdout == b"outcome\tn\nfailed\t12\nok\t388\n"
    assert run("sql", "-", "--format", "JSONEachRow", given=b"SELECT 1 AS a").stdout == b'{"a":1}\n'

    for refused in ("DROP TABLE observations", "INSERT INTO verdicts SELECT * FROM verdicts", "SET readonly = 0"):
        answer = run("sql", refused)
        assert (answer.returncode, answer.stdout) == (3, b""), answer
    assert b"NAME=VALUE" in run("sql", "SELECT 1", "-p", "x").stderr
    assert tell(store, "SELECT count() FROM observations") == 400


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_observations_are_exported_whole(run: Run, tmp_path: Path, form: str) -> None:
    """Every row of the window and no other, in order, over midnights; one header; nothing half-written is left."""
    start, end = TICKS[7], TICKS[350]
    answer = run("export", "observations", "--format", form, "--from", start.isoformat(), "--to", end.isoformat())
    assert answer.returncode == 0, answer.stderr
    path = tmp_path / f"observations.{form}"
    if form == "parquet":
        table = pq.read_table(path)
        ticks, outcomes = [tick.astimezone(UTC) for tick in table["tick"].to_pylist()], table["outcome"].to_pylist()
    else:
        lines = path.read_text().splitlines()
        assert (form == "csv") == lines[0].startswith('"tick"')
        rows = [json.loads(line) for line in lines] if form == "jsonl" else [line.split(",") for line in lines[1:]]
        key = "tick" if form == "jsonl" else 0
        ticks = [datetime.fromisoformat(row[key].strip('"')).replace(tzinfo=UTC) for row in rows]
        outcomes = [row["outcome"] for row in rows] if form == "jsonl" else []

    assert ticks == TICKS[7:350]
    assert form == "csv" or set(outcomes) == {"ok", "failed"}
    assert [file.name for file in tmp_path.glob(".*")] == []


def test_an_export_of_nothing_is_an_empty_file_and_a_bad_window_is_said(run: Run, tmp_path: Path) -> None:
    """A provider that is not there; times the wrong way round; a time that is none."""
    assert run("export", "observations", "--provider", "nobody", "-o", "none.parquet").returncode == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0
    assert b"is not before" in run("export", "observations", "--from", "2026-02-01", "--to", "2026-01-01").stderr
    assert b"is not ISO 8601" in run("export", "observations", "--from", "yesterday").stderr


def test_providers_are_compared_side_by_side(run: Run) -> None:
    """Availability, outages and percentiles; fits a narrow terminal."""
    answer = run("compare", "--days", "5", columns=60)
    assert answer.returncode == 0, answer.stderr
    said = answer.stdout.decode()
    assert "97.00 to 97.00 %" in said and "n 400" in said
    assert max(len(line) for line in said.splitlines()) <= 60

    (provider,) = json.loads(run("compare", "--days", "5", "--json").stdout)["providers"]
    assert (provider["n"], provider["failed"], provider["availability_low"]) == (400, 12, 0.97)


def test_a_backup_comes_back_whole_and_never_over_rows(run: Run, store: Store) -> None:
    """Beside, then in the place of a database that was lost; not over one that holds rows, not twice by one name."""
    name, beside = f"backup-of-{store.database}", f"{store.database}_beside"
    counted = "SELECT count(), sum(cityHash64(target, tick, outcome)) FROM {}.observations"
    held = tell(store, counted.format(store.database))
    try:
        made = json.loads(run("store", "backup", name, "--json").stdout)
        assert made["backup"] == name and made["files"] > 20 and made["bytes"] > 10_000

        again = run("store", "backup", name)
        assert again.returncode == 3 and b"already exists" in again.stderr
        over = run("store", "restore", name)
        assert over.returncode == 3 and b"holds rows; restore beside it with --database NAME" in over.stderr

        assert run("store", "restore", name, "--database", beside).returncode == 0
        assert tell(store, counted.format(beside)) == held

        with clickhouse_connect.get_client(**arguments(store)) as client:
            client.command(f"DROP DATABASE {store.database} SYNC")
        assert run("store", "restore", name).returncode == 0
        assert tell(store, counted.format(store.database)) == held
        assert run("store", "check").returncode == 0
    finally:
        with clickhouse_connect.get_client(**arguments(store)) as client:
            client.command(f"DROP DATABASE IF EXISTS {beside} SYNC")


def test_a_backup_has_a_name_that_leads_nowhere_else(run: Run) -> None:
    """A path, or a quote, is refused before the store hears of it; so is a database's; a missing one is said."""
    for bad in ("../elsewhere", "a'b", ".hidden"):
        refused = run("store", "backup", bad)
        assert refused.returncode == 3 and b"is no name of a backup" in refused.stderr
    assert b"is no name" in run("store", "restore", "x", "--database", "a`b").stderr
    assert run("store", "restore", "never-made", "--database", "t_never").returncode == 3
