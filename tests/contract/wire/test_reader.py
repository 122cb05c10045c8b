"""A second user who can only read; and what nobody may do, for whom the store is no way to this machine's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.own_store import OwnStore, own_store
from tests.support.plain_http import Reply, post

pytestmark = pytest.mark.embedded_only("users of a server are its own affair")

READER = {"X-ClickHouse-User": "reader", "X-ClickHouse-Key": "glasses"}
WRITER = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": "pen"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStore]:
    """A store with both users, and one table."""
    folder = tmp_path_factory.mktemp("users")
    (folder / "secret.txt").write_text("a secret\n")
    with own_store(folder / "store", password="pen", reader="glasses") as running:
        post(running.url, "CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a", headers=WRITER)
        post(running.url, "INSERT INTO t VALUES (1)", headers=WRITER)
        yield running


def asked(store: OwnStore, sql: str, **parameters: str) -> Reply:
    """What the reader is told."""
    return post(store.url, sql, headers=READER, **parameters)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "WITH 1 AS x SELECT x",
        "SHOW TABLES",
        "DESCRIBE t",
        "EXPLAIN SELECT a FROM t",
        "EXISTS t",
        "SELECT 1 SETTINGS max_threads = 1",
        "SELECT * FROM numbers(3) FORMAT Native",
        "SELECT 'INSERT INTO t VALUES (2); file() INTO OUTFILE' AS words",
    ],
)
def test_the_reader_reads(store: OwnStore, sql: str) -> None:
    """Questions of every kind, settings of its own among them."""
    assert asked(store, sql).status == 200


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (2)",
        "INSERT INTO t SELECT 2",
        "CREATE TABLE u (a UInt8) ENGINE = Memory",
        "CREATE VIEW u AS SELECT 1",
        "CREATE DATABASE u",
        "CREATE FUNCTION u AS x -> x",
        "DROP TABLE t",
        "TRUNCATE TABLE t",
        "ALTER TABLE t DELETE WHERE 1",
        "DELETE FROM t WHERE 1",
        "OPTIMIZE TABLE t",
        "RENAME TABLE t TO u",
        "SYSTEM FLUSH LOGS",
        "KILL QUERY WHERE 1",
        "BACKUP DATABASE default TO File('x.tar')",
        "SET readonly = 0",
        "SET readonly = DEFAULT",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 INTO OUTFILE '/tmp/touchstone-out'",
        "/* a comment */ DROP TABLE t",
        "SELECT 1; DROP TABLE t",
        "DROP TABLE t; SELECT 1",
        "EXPLAIN AST SELECT 1; DROP TABLE t",
        "SET max_memory_usage = 900000000000",
    ],
)
def test_the_reader_changes_nothing(store: OwnStore, sql: str) -> None:
    """Whatever the text; nor in a session, nor by a form, nor as an INSERT with a body."""
    for reply in (asked(store, sql), asked(store, sql, session_id="r"), asked(store, "", query=sql)):
        assert reply.status >= 400, (sql, reply.text)
        assert reply.code in {1, 62, 164, 452, 497}, reply.text
    assert asked(store, "1\n", query="INSERT INTO t FORMAT CSV").code == 164
    assert asked(store, "SELECT count() FROM t").text == "1"
    assert not Path("/tmp/touchstone-out").exists()


@pytest.mark.parametrize("who", [READER, WRITER], ids=["reader", "writer"])
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('{secret}')",
        "SELECT * FROM file('{secret}', 'LineAsString')",
        "SELECT * FROM `file`('{secret}', 'LineAsString')",
        "SELECT * FROM `fi\\x6ce`('{secret}', 'LineAsString')",
        "WITH (SELECT file('{secret}')) AS x SELECT x",
        "SELECT * FROM `{secret}`",
        "SELECT * FROM default.`{secret}`",
        "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1:9', system.one)",
        "SELECT * FROM s3('http://127.0.0.1:9/b/k', 'CSV', 'a UInt8')",
        "SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
        "SELECT * FROM executable('/bin/ls', 'TSV', 'a String')",
        "SELECT * FROM python('sys')",
        "SELECT * FROM sqlite('{secret}', 't')",
        "SELECT 1 INTO OUTFILE '{secret}.out'",
    ],
)
def test_nobody_reaches_files_or_other_machines(store: OwnStore, who: dict[str, str], sql: str) -> None:
    """By functions, table functions, tables that are files, or where an answer goes to."""
    secret = Path(f"/proc/{store.process.pid}/cwd").resolve() / "README.md"
    reply = post(store.url, sql.replace("{secret}", str(secret)), headers=who)
    assert reply.status >= 400, reply.text
    assert reply.code in {1, 36, 60, 62, 164, 497, 499}, reply.text
    assert b"Touchstone" not in reply.body


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV",
        "INSERT INTO FUNCTION file('/tmp/touchstone-out', 'CSV', 'a UInt8') SELECT 1",
        "INSERT INTO FUNCTION url('http://127.0.0.1:9/', 'CSV', 'a UInt8') SELECT 1",
        "CREATE TABLE u (a String) ENGINE = File('LineAsString', '/etc/passwd')",
        "CREATE TABLE u (a String) ENGINE = URL('http://127.0.0.1:9/', 'LineAsString')",
        "CREATE TABLE u AS file('/etc/passwd', 'LineAsString')",
        "CREATE VIEW u AS SELECT file('/etc/passwd')",
        "CREATE FUNCTION u AS x -> file(x)",
        "CREATE DATABASE u ENGINE = Filesystem('/etc')",
        "CREATE DATABASE u ENGINE = SQLite('/tmp/x')",
        "CREATE DICTIONARY u (a UInt8) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT())",
        "CREATE USER u",
        "GRANT ALL ON *.* TO default",
        "SYSTEM SHUTDOWN",
        "SYSTEM KILL",
        "BACKUP DATABASE default TO File('/tmp/touchstone-out')",
    ],
)
def test_the_writer_does_no_more_than_is_needed(store: OwnStore, sql: str) -> None:
    """Tables, rows, backups in their folder: yes. Files, other servers, users, shutting down: no."""
    reply = post(store.url, sql, headers=WRITER)
    assert reply.status >= 400, reply.text
    assert post(store.url, "SELECT count() FROM t", headers=WRITER).text == "1"
    assert not Path("/tmp/touchstone-out").exists()


def test_the_reader_has_sessions_with_temporary_tables(store: OwnStore) -> None:
    """Of its own: the writer's session of the same name is another."""
    mine = {"session_id": "same-name"}
    assert asked(store, "CREATE TEMPORARY TABLE x AS SELECT 1 AS a", **mine).status == 200
    assert asked(store, "SELECT a FROM x", **mine).text == "1"
    assert post(store.url, "SELECT a FROM x", headers=WRITER, **mine).code == 60


def test_the_unmodified_client_as_reader(store: OwnStore) -> None:
    """Opens, asks, and is refused what it may not."""
    with store.client(username="reader", password="glasses") as client:
        assert client.query("SELECT a FROM t").result_rows == [(1,)]
        with pytest.raises(DatabaseError) as caught:
            client.insert("t", [[2]], column_names=["a"], column_type_names=["UInt8"])
        assert caught.value.code == 164


@pytest.mark.parametrize(("user", "password"), [("reader", "pen"), ("default", "glasses"), ("", ""), ("root", "pen")])
def test_each_has_a_password_of_its_own(store: OwnStore, user: str, password: str) -> None:
    """By header, by parameter; 516 and 403."""
    for reply in (
        post(store.url, "SELECT 1", headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password}),
        post(store.url, "SELECT 1", user=user, password=password),
    ):
        assert (reply.status, reply.code) == (403, 516)
    with pytest.raises(DatabaseError, match="516"):
        store.client(username=user, password=password)


def test_a_form_may_carry_what_the_address_cannot(store: OwnStore) -> None:
    """The client's own way for many parameters, as the reader."""
    with clickhouse_connect.get_client(
        dsn=store.url.replace("http://", "clickhouse://reader:glasses@"), form_encode_query_params=True
    ) as client:
        assert client.query("SELECT {a:Int64}", parameters={"a": 7}).result_rows == [(7,)]
