"""The unmodified asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import clickhouse_connect
import pytest
import pytest_asyncio
from clickhouse_connect.driver.exceptions import DatabaseError

from collector.storage.connection import arguments
from schemas.config import Store


@pytest_asyncio.fixture
async def asynchronous(database: Store) -> AsyncIterator[Any]:
    """A client of the test's own loop."""
    client = await clickhouse_connect.get_async_client(**arguments(database), database=database.database)
    yield client
    await client.close()


async def test_questions_at_once_get_their_own_answers(asynchronous: Any) -> None:
    """More than the store runs at a time."""
    answers = await asyncio.gather(*(asynchronous.query(f"SELECT {n}, sleep(0.02)") for n in range(24)))
    assert [answer.result_rows[0][0] for answer in answers] == list(range(24))


async def test_inserts_at_once_are_all_there(asynchronous: Any) -> None:
    """Each a part of its own."""
    await asynchronous.command("CREATE OR REPLACE TABLE a (n UInt32) ORDER BY n")
    await asyncio.gather(
        *(
            asynchronous.insert(
                "a", [[n] for n in range(at, at + 10)], column_names=["n"], settings={"async_insert": 0}
            )
            for at in range(0, 200, 10)
        )
    )
    assert (await asynchronous.query("SELECT count(), uniqExact(n) FROM a")).result_rows == [(200, 200)]


async def test_frames_arrow_and_streams(asynchronous: Any) -> None:
    """As with the other client."""
    assert list((await asynchronous.query_df("SELECT number AS n FROM numbers(3)"))["n"]) == [0, 1, 2]
    assert (await asynchronous.query_arrow("SELECT 1 AS a")).to_pydict() == {"a": [1]}
    async with await asynchronous.query_rows_stream("SELECT number FROM numbers(100000)") as rows:
        assert sum([row[0] async for row in rows]) == sum(range(100_000))


async def test_an_error_has_its_code_and_the_client_goes_on(asynchronous: Any) -> None:
    """Also beside questions that succeed."""
    bad, good = await asyncio.gather(
        asynchronous.query("SELECT throwIf(number = 3) FROM numbers(10)"),
        asynchronous.query("SELECT 1"),
        return_exceptions=True,
    )
    assert isinstance(bad, DatabaseError) and bad.code == 395
    assert good.result_rows == [(1,)]


async def test_a_question_given_up_leaves_the_store_alive(asynchronous: Any) -> None:
    """Cancelled by the caller."""
    asking = asyncio.create_task(asynchronous.query("SELECT count() FROM numbers(100000000000)"))
    await asyncio.sleep(0.3)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await asynchronous.query("SELECT 1")).result_rows == [(1,)]
