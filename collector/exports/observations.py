"""
Observations as files for other tools: one UTC day after the other, so that memory stays bounded by a day.

A file grows under a name of its own and gets its name when it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

# name on the command line -> (format of ClickHouse, of the days after the first)
FORMATS = {
    "parquet": ("ArrowStream", "ArrowStream"),
    "csv": ("CSVWithNames", "CSV"),
    "jsonl": ("JSONEachRow", "JSONEachRow"),
}

Day = tuple[datetime, datetime]
Fetch = Callable[[datetime, datetime, str], Iterable[bytes]]  # [start, end), format


def days(start: datetime, end: datetime) -> Iterator[Day]:
    """[start, end) cut at every midnight, UTC."""
    low = start
    while low < end:
        high = min(low.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1), end)
        yield low, high
        low = high


def write(path: Path, form: str, several: Iterable[Day], fetch: Fetch, on_day: Callable[[int], None]) -> int:
    """Write every day to *path*; the file's size in bytes. *on_day* is told how many days are done."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            writer = _parquet if form == "parquet" else _text
            writer(file, form, several, fetch, on_day)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path.stat().st_size


def _text(file: IO[bytes], form: str, several: Iterable[Day], fetch: Fetch, on_day: Callable[[int], None]) -> None:
    first, later = FORMATS[form]
    for number, (start, end) in enumerate(several):
        for block in fetch(start, end, later if number else first):
            file.write(block)
        on_day(number + 1)


def _parquet(file: IO[bytes], form: str, several: Iterable[Day], fetch: Fetch, on_day: Callable[[int], None]) -> None:
    """Zstandard-compressed row groups of a day each at most; the schema is that of the first day."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None
    try:
        for number, (start, end) in enumerate(several):
            reader = pa.ipc.open_stream(b"".join(fetch(start, end, FORMATS[form][0])))
            if writer is None:
                writer = pq.ParquetWriter(file, reader.schema, compression="zstd")
            for batch in reader:
                writer.write_batch(batch.cast(writer.schema))
            on_day(number + 1)
    finally:
        if writer is not None:
            writer.close()
