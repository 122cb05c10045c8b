"""What a cluster is told: made from the text of the numbered files, parsed by the real engine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest

from collector.storage import rollup_sql
from collector.storage.cluster import Cluster, defining, processes, reading, split_at_commas, writing
from collector.storage.connection import arguments
from collector.storage.migrations import planned, shipped
from schemas.config import Store
from schemas.errors import StoreRejected

NAME = "fleet"
WRITTEN = [(one.name, statement) for one in shipped() for statement in one.statements("touchstone")]
CLUSTER = Cluster.of(NAME, [statement for _, statement in WRITTEN])
TOLD = [(name, told) for name, statement in WRITTEN for told in CLUSTER.rendered(statement)]
SINGLE = Store()
CLUSTERED = Store(embedded=None, cluster=NAME)


@pytest.fixture(scope="module")
def client(store_process: str) -> Iterator[Any]:
    """Of the embedded engine, which parses what only a cluster can run."""
    with clickhouse_connect.get_client(**arguments(Store(url=store_process))) as opened:
        yield opened


def parsed(client: Any, sql: str) -> str:
    """*sql* as the engine's parser writes it; it raises for what it does not understand."""
    return str(client.query("SELECT formatQuery({sql:String})", parameters={"sql": sql}).result_rows[0][0])


def clauses(sql: str) -> str:
    """On one line."""
    return " ".join(sql.split())


def created(sql: str) -> re.Match[str] | None:
    """Name and engine of a CREATE TABLE."""
    return re.match(
        r"CREATE TABLE IF NOT EXISTS (?P<name>\S+) ON CLUSTER fleet .*?ENGINE = (?P<engine>.*)", clauses(sql)
    )


@pytest.mark.parametrize(("file", "sql"), TOLD)
def test_the_engine_understands_every_statement(client: Any, file: str, sql: str) -> None:
    """Keeper and Distributed are not here: parsed and formatted, not run."""
    formatted = parsed(client, sql)
    assert sql.startswith(("INSERT", "ALTER TABLE")) or "ON CLUSTER fleet" in formatted, file


def test_every_create_and_drop_is_of_the_whole_cluster_and_can_be_repeated() -> None:
    """A server that missed one would answer with an error for ever."""
    for file, sql in TOLD:
        if sql.startswith(("CREATE", "DROP")):
            assert re.match(
                r"CREATE TABLE IF NOT EXISTS \S+ ON CLUSTER fleet\b|DROP TABLE IF EXISTS \S+ ON CLUSTER fleet SYNC$",
                sql,
            ), file
        assert "non_replicated" not in sql, file


def test_what_has_a_provider_is_dealt_out_by_it_and_the_rest_stands_whole() -> None:
    """Each provider's rows are on one shard, so whatever is grouped by provider is computed where it lies."""
    columns = {}
    for _, sql in WRITTEN:
        if found := re.match(r"CREATE TABLE IF NOT EXISTS (\S+)", sql):
            columns[found[1]] = re.findall(r"^    (\w+)  ?", sql, re.MULTILINE)
    engines = {found["name"]: found["engine"] for _, sql in TOLD if (found := created(sql))}

    assert CLUSTER.sharded == {name for name, names in columns.items() if "provider" in names}
    assert {"touchstone.observations", "touchstone.rollup_hour", "touchstone.verdicts"} <= CLUSTER.sharded
    for name in columns:
        if name in CLUSTER.sharded:
            database, table = name.split(".")
            assert engines[name] == f"Distributed('fleet', '{database}', '{table}_local', cityHash64(provider))"
            assert engines[f"{name}_local"].startswith("Replicated")
        else:
            assert engines[name].startswith("Replicated")
            assert f"{name}_local" not in engines


def test_every_replicated_table_has_a_place_of_its_own_in_keeper() -> None:
    """Two tables at one path would be two replicas of one; the shard is in the path of what is dealt out."""
    paths: Counter[str] = Counter()
    for _, sql in TOLD:
        if dropped := re.match(r"DROP TABLE IF EXISTS (\S+) ON CLUSTER fleet SYNC", sql):  # and leaves its place
            paths.pop(f"/clickhouse/tables/{{shard}}/{dropped[1].replace('.', '/')}", None)
        if (found := created(sql)) and found["engine"].startswith("Replicated"):
            path, replica = re.findall(r"'([^']*)'", found["engine"])[:2]
            paths[path] += 1
            local = found["name"].endswith("_local")
            assert path == "/clickhouse/tables/" + ("{shard}/" if local else "all/") + found["name"].replace(".", "/")
            assert replica == ("{replica}" if local else "{shard}-{replica}")
    assert paths and set(paths.values()) == {1}


def test_everything_else_of_a_table_is_as_it_is_on_one_server(client: Any) -> None:
    """Cluster and replication taken away again, the local tables are made and have the same columns, keys and TTL."""
    for database in ("t_ddl_one", "t_ddl_cluster"):
        client.command(f"DROP DATABASE IF EXISTS {database}")
        client.command(f"CREATE DATABASE {database}")
    try:
        for one in shipped():
            for statement in one.statements("t_ddl_one"):
                if not statement.startswith("INSERT"):
                    client.command(statement)
        cluster = Cluster.of(NAME, [s for one in shipped() for s in one.statements("t_ddl_cluster")])
        for one in shipped():
            for statement in one.statements("t_ddl_cluster"):
                for told in cluster.rendered(statement):
                    if "Distributed(" in told or told.startswith("INSERT") or not _is_local(cluster, told):
                        continue
                    alone = told.replace(" ON CLUSTER fleet", "")
                    alone = re.sub(r"Replicated(\w+)\('[^']*', '[^']*'(?:, )?", r"\1(", alone)
                    client.command(alone)
        assert _tables(client, "t_ddl_cluster") == _tables(client, "t_ddl_one")
    finally:
        for database in ("t_ddl_one", "t_ddl_cluster"):
            client.command(f"DROP DATABASE IF EXISTS {database}")


def _is_local(cluster: Cluster, told: str) -> bool:
    """Whether a statement is about a table that holds rows."""
    name = re.split(r"\s+", re.sub(r"^(CREATE|DROP|ALTER) TABLE (IF (NOT )?EXISTS )?", "", told))[0]
    return name not in cluster.sharded


def _tables(client: Any, database: str) -> dict[str, str]:
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = {d:String}", parameters={"d": database}
    ).result_rows
    tidied = {}
    for name, query in rows:
        text = re.sub(
            r"replicated_deduplication_window = \d+, replicated_deduplication_window_seconds = \d+", "W", query
        )
        text = re.sub(r"non_replicated_deduplication_window = \d+", "W", text).replace(f"{database}.", "")
        tidied[str(name).removesuffix("_local")] = text.replace(f"{name} ", f"{str(name).removesuffix('_local')} ")
    return tidied


def test_an_added_column_reaches_the_rows_first_and_then_the_table_that_is_asked() -> None:
    """The other way round a reader would ask the shards for what they have not got yet."""
    assert CLUSTER.rendered(
        "ALTER TABLE touchstone.observations\n  ADD COLUMN IF NOT EXISTS a Map(String, Float64) CODEC(ZSTD(1)),\n"
        "  ADD INDEX IF NOT EXISTS i ingested_at TYPE minmax GRANULARITY 1"
    ) == [
        "ALTER TABLE touchstone.observations_local ON CLUSTER fleet\n"
        "    ADD COLUMN IF NOT EXISTS a Map(String, Float64) CODEC(ZSTD(1)),\n"
        "    ADD INDEX IF NOT EXISTS i ingested_at TYPE minmax GRANULARITY 1",
        "ALTER TABLE touchstone.observations ON CLUSTER fleet\n"
        "    ADD COLUMN IF NOT EXISTS a Map(String, Float64) CODEC(ZSTD(1))",
    ]


def test_retention_and_settings_are_of_the_tables_that_hold_rows() -> None:
    """Distributed has neither; a setting is a statement of its own, because no replica passes it on."""
    assert CLUSTER.rendered(
        "ALTER TABLE touchstone.observations MODIFY TTL toDateTime(tick) + INTERVAL 30 DAY, "
        "MODIFY SETTING ttl_only_drop_parts = 1, non_replicated_deduplication_window = 500"
    ) == [
        "ALTER TABLE touchstone.observations_local ON CLUSTER fleet\n    MODIFY TTL toDateTime(tick) + INTERVAL 30 DAY",
        "ALTER TABLE touchstone.observations_local ON CLUSTER fleet\n    MODIFY SETTING ttl_only_drop_parts = 1, "
        "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800",
    ]
    assert CLUSTER.rendered("ALTER TABLE touchstone.verdicts MODIFY SETTING ttl_only_drop_parts = 1") == [
        "ALTER TABLE touchstone.verdicts_local ON CLUSTER fleet\n    MODIFY SETTING ttl_only_drop_parts = 1"
    ]


def test_a_table_that_stands_whole_is_altered_by_one_of_its_replicas() -> None:
    """ON CLUSTER would have a replica of every shard try the same; settings do need it."""
    assert CLUSTER.rendered(
        "ALTER TABLE touchstone.history_loads ADD COLUMN IF NOT EXISTS b UInt8, "
        "MODIFY SETTING merge_with_ttl_timeout = 60"
    ) == [
        "ALTER TABLE touchstone.history_loads\n    ADD COLUMN IF NOT EXISTS b UInt8",
        "ALTER TABLE touchstone.history_loads ON CLUSTER fleet\n    MODIFY SETTING merge_with_ttl_timeout = 60",
    ]


def test_a_dropped_table_goes_with_its_rows() -> None:
    """What is asked first, so that nobody asks for rows that are gone."""
    assert CLUSTER.rendered("DROP TABLE IF EXISTS touchstone.rollup_1h") == [
        "DROP TABLE IF EXISTS touchstone.rollup_1h ON CLUSTER fleet SYNC",
        "DROP TABLE IF EXISTS touchstone.rollup_1h_local ON CLUSTER fleet SYNC",
    ]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "CREATE TABLE touchstone.t (a UInt8) ENGINE = MergeTree ORDER BY a",
            "or not twice: CREATE TABLE touchstone.t",
        ),
        ("CREATE TABLE IF NOT EXISTS touchstone.t (a UInt8) ENGINE = Log", "a MergeTree: (a UInt8) ENGINE = Log"),
        (
            "CREATE TABLE IF NOT EXISTS d.t AS d.u ENGINE = MergeTree ORDER BY a",
            "without its columns and a MergeTree: AS d.u",
        ),
        ("DROP TABLE touchstone.t", "or not twice: DROP TABLE touchstone.t"),
        ("ALTER TABLE d.t ADD COLUMN a UInt8", "cannot be run twice: ALTER TABLE d.t ADD COLUMN a UInt8"),
        ("TRUNCATE TABLE touchstone.t", "TRUNCATE TABLE touchstone.t"),
        ("CREATE FUNCTION f AS (x) -> x", "CREATE FUNCTION f"),
    ],
)
def test_what_could_not_be_run_twice_or_everywhere_is_refused(statement: str, words: str) -> None:
    """At rendering, with its words, before any server is told anything."""
    with pytest.raises(StoreRejected, match=re.escape(words)):
        CLUSTER.rendered(statement)


def test_commas_within_brackets_and_quotes_divide_nothing() -> None:
    """Types, codecs, defaults and comments hold them."""
    text = "a Map(String, UInt8) DEFAULT map('x,(', 1), b String COMMENT 'it\\'s, so', c UInt8"
    assert [part.split()[0] for part in split_at_commas(text)] == ["a", "b", "c"]


def test_the_plan_of_a_cluster_has_the_checksums_of_one_server() -> None:
    """What is recorded is the MD5 of what is written, wherever it was applied."""

    class Nowhere:
        def query(self, _: str) -> Any:
            class Rows:
                result_rows: tuple[tuple[int, str, str], ...] = ((1, shipped()[0].name, shipped()[0].md5),)

            return Rows()

    missing = planned(Nowhere(), CLUSTERED, shipped()).missing
    assert [one for one, _ in missing] == list(shipped()[1:])
    assert [told for _, several in missing for told in several] == [told for name, told in TOLD if name[:4] != "0001"]


def test_settings_are_sent_to_a_cluster_only(client: Any) -> None:
    """And each is one that the engine knows, with the value that it is sent."""
    assert writing(SINGLE) == reading(SINGLE) == defining(SINGLE) == {}
    assert processes(SINGLE) == "system.processes"
    for settings in (writing(CLUSTERED), reading(CLUSTERED), defining(CLUSTERED)):
        said = client.query(
            "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}",
            parameters={"names": list(settings)},
            settings=settings,
        ).result_rows
        assert {str(name): str(value) for name, value in said} == {name: str(value) for name, value in settings.items()}
    assert parsed(client, f"SELECT count() FROM {processes(CLUSTERED)}")


def test_rollups_are_computed_where_their_facts_lie() -> None:
    """Grouped by provider, from a table dealt out by provider, into one dealt out by provider."""
    assert writing(CLUSTERED)["parallel_distributed_insert_select"] == 2
    for sql in (*rollup_sql.BY_HOUR, rollup_sql.DAYS):
        into = re.findall(r"INSERT INTO \{database\}\.(\w+)", sql)
        of = re.findall(r"FROM \{database\}\.(\w+)", sql)
        assert {f"touchstone.{table}" for table in into + of} <= CLUSTER.sharded
        assert re.search(r"GROUP BY \w+, provider\b", sql)
