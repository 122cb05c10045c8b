"""Queries that others write, and rows for other tools: for reading only, whatever they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from collector.storage.client import to_ms
from collector.storage.connection import opened
from schemas.config import Store

BLOCK_BYTES = 1 << 16
READ_ONLY = {"readonly": 1}

OBSERVATIONS = """
SELECT * FROM {database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})
  AND ({provider:String} = '' OR provider = {provider:String})
ORDER BY tick, target, vantage, kind, attempt"""


def read(store: Store, sql: str, form: str, parameters: Mapping[str, str]) -> Iterator[bytes]:
    """The answer to *sql* in the ClickHouse format *form*; raises StoreRejected when it would change something."""
    with opened(store) as driver:
        driver.database = store.database
        stream = driver.raw_stream(sql, parameters=dict(parameters), fmt=form, settings=READ_ONLY)
        with stream:
            while block := stream.read(BLOCK_BYTES):
                yield block


def observations(store: Store, start: datetime, end: datetime, *, provider: str, form: str) -> Iterator[bytes]:
    """Every row of observations whose tick is in [start, end), of one provider or of all (''), as *form* has it."""
    sql = OBSERVATIONS.replace("{database}", store.database)
    parameters = {"a": str(to_ms(start)), "b": str(to_ms(end)), "provider": provider}
    yield from read(store, sql, form, parameters)
