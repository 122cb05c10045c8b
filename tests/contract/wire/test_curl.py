"""curl, as ClickHouse's own documentation uses it."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from schemas.config import Store
from tests.support.own_store import own_store

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


def curl(*arguments: str, stdin: bytes = b"") -> bytes:
    """What curl prints."""
    command = ["curl", "--silent", "--show-error", "--max-time", "30", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def test_questions(database: Store) -> None:
    """In the address, as the body, half and half."""
    url = database.url
    assert curl(f"{url}/?query=SELECT%201") == b"1\n"
    assert curl(url, "-d", "SELECT 1") == b"1\n"
    assert curl(f"{url}/?query=SELECT", "-d", "1, 'a b'") == b"1\ta b\n"
    assert curl(url, "--data-binary", "@-", stdin=b"SELECT 1\nFORMAT JSONCompactEachRow") == b"[1]\n"
    assert curl(f"{url}/ping") == b"Ok.\n"
    assert curl("-G", url, "--data-urlencode", "query=SELECT 'x&y'") == b"x&y\n"


def test_parameters(database: Store) -> None:
    """As fields of a form, and in the address."""
    sql = "query=SELECT {a:String}, {b:Array(UInt8)}"
    assert curl("-F", sql, "-F", "param_a=it's", "-F", "param_b=[1,2]", database.url) == b"it\\'s\t[1,2]\n"
    assert curl(f"{database.url}/?param_a=x", "-d", "SELECT {a:String}") == b"x\n"


def test_inserts(database: Store, tmp_path: Path) -> None:
    """A file behind the query, packed or not, streamed without a length."""
    url, table = database.url, f"{database.database}.t"
    curl(url, "-d", f"CREATE OR REPLACE TABLE {table} (a UInt32, b String) ORDER BY a")
    rows = tmp_path / "rows.csv"
    rows.write_text("1,one\n2,two\n")
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(rows.read_bytes()))
    into = f"{url}/?query=INSERT%20INTO%20{table}%20FORMAT%20CSV"

    assert curl(into, "--data-binary", f"@{rows}") == b""
    assert curl(into, "-H", "Content-Encoding: gzip", "--data-binary", f"@{rows}.gz") == b""
    assert curl("-T", "-", "-X", "POST", into, stdin=rows.read_bytes()) == b""
    assert curl(url, "-d", f"INSERT INTO {table} VALUES (3, 'three')") == b""
    assert curl(url, "-d", f"SELECT count(), uniqExact(a) FROM {table}") == b"7\t3\n"


def test_headers_and_packed_answers(database: Store) -> None:
    """curl unpacks what it asked for; -i shows the headers."""
    assert (
        curl("--compressed", f"{database.url}/?enable_http_compression=1", "-d", "SELECT repeat('x', 9)")
        == b"x" * 9 + b"\n"
    )
    shown = curl("-i", f"{database.url}/?query_id=mine", "-d", "SELECT 1").decode().lower()
    assert "x-clickhouse-query-id: mine" in shown
    assert "x-clickhouse-summary: {" in shown
    assert "x-clickhouse-format: tabseparated" in shown
    assert curl("-I", f"{database.url}/?query=SELECT%201").startswith(b"HTTP/1.1 200")


def test_errors(database: Store) -> None:
    """The text in the body, the status for --fail."""
    assert curl(database.url, "-d", "SELEKT").startswith(b"Code: 62. DB::Exception: Syntax error")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        curl("--fail", database.url, "-d", "SELECT * FROM nothing")
    assert failed.value.returncode == 22


@pytest.mark.embedded_only("the test's server has no password")
def test_passwords(tmp_path: Path) -> None:
    """By -u and by headers."""
    with own_store(tmp_path, password="sésame") as store:
        assert curl("-u", "default:sésame", store.url, "-d", "SELECT 1") == b"1\n"
        headers = ["-H", "X-ClickHouse-User: default", "-H", "X-ClickHouse-Key: sésame"]
        assert curl(*headers, store.url, "-d", "SELECT 1") == b"1\n"
        assert b"516" in curl("-u", "default:wrong", store.url, "-d", "SELECT 1")
