"""ClickHouse's exceptions: the code in the header, the name in the text, the status that a server gives."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from collector.storage.embedded.exceptions import words_of
from schemas.config import Store
from tests.support.plain_http import post


@pytest.mark.parametrize(
    ("sql", "code", "name", "status"),
    [
        ("SELEKT 1", 62, "SYNTAX_ERROR", 400),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR", 400),
        ("SELECT * FROM nothing", 60, "UNKNOWN_TABLE", 404),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER", 404),
        ("SELECT noSuchFunction(1)", 46, "UNKNOWN_FUNCTION", 404),
        ("SELECT 1::Nothing2", 50, "UNKNOWN_TYPE", 404),
        ("SELECT * FROM nowhere.t", 81, "UNKNOWN_DATABASE", 404),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115, "UNKNOWN_SETTING", 404),
        ("SELECT 1 FORMAT NoSuch", 73, "UNKNOWN_FORMAT", 404),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", 500),
        ("SELECT toInt32('x')", 6, "CANNOT_PARSE_TEXT", 400),
        ("SELECT 1 + 'x'", 43, "ILLEGAL_TYPE_OF_ARGUMENT", 500),
        ("SELECT {missing:String}", 456, "UNKNOWN_QUERY_PARAMETER", 500),
        ("SELECT intDiv(1, 0)", 153, "ILLEGAL_DIVISION", 500),
        ("SELECT sleep(3) SETTINGS max_execution_time = 0.1", 159, "TIMEOUT_EXCEEDED", 408),
        ("SELECT * FROM numbers(100) SETTINGS max_result_rows = 10", 396, "TOO_MANY_ROWS_OR_BYTES", 500),
    ],
)
def test_code_name_and_status(database: Store, sql: str, code: int, name: str, status: int) -> None:
    """And the next answer is right."""
    reply = post(database.url, sql)
    assert (reply.code, reply.status) == (code, status), reply.text
    assert reply.text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name})" in reply.text
    assert post(database.url, "SELECT 42").body == b"42\n"


def test_the_client_knows_code_and_name(client: Any) -> None:
    """As attributes; and the text on request without server and version."""
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM nothing")
    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")
    client.show_clickhouse_errors = False
    with pytest.raises(DatabaseError) as hidden:
        client.query("SELECT * FROM nothing")
    assert "nothing" not in str(hidden.value)


def test_an_error_in_the_middle_of_a_stream_is_an_error(client: Any) -> None:
    """Never rows that end as if they were all."""
    with (
        pytest.raises((DatabaseError, OperationalError)),
        client.query_rows_stream("SELECT throwIf(number = 900000) FROM numbers(1000000)") as rows,
    ):
        list(rows)
    assert client.command("SELECT 42") == 42


def test_an_unknown_path_and_method(database: Store) -> None:
    """Told in words."""
    with pytest.raises(HTTPError) as nowhere:
        urlopen(f"{database.url}/nowhere", timeout=10)
    assert nowhere.value.code == 404
    with pytest.raises(HTTPError) as put:
        urlopen(Request(f"{database.url}/", data=b"SELECT 1", method="PATCH"), timeout=10)
    assert put.value.code in {400, 404, 501}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Query failed: Code: 6. DB::Exception: x. (A)", "Code: 6. DB::Exception: x. (A)"),
        ("Code: 6. DB::Exception: Code: 6. DB::Exception: x. (A) (version 1). (A)", "Code: 6. DB::Exception: x. (A)"),
        ("odd", "Code: 1002. DB::Exception: odd"),
    ],
)
def test_what_the_library_wraps_around_is_taken_off(said: str, kept: str) -> None:
    """Said once."""
    assert words_of(RuntimeError(said)) == kept
