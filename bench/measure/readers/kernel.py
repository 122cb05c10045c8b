"""The limit: bare sockets in C (kernel_reader.c), with the kernel's stamps, and with its own for comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from bench.measure.load_server import build
from bench.measure.readers.contract import Load, Reader
from bench.measure.stamps import NS_IN_MS, Reading

KERNEL, USER = "C reader", "C reader, user stamp"
FOR_S_MAX = 120


def _command(load: Load) -> list[str]:
    words = [str(build("kernel_reader")), "--port", str(load.port), "--streams", str(load.streams)]
    return [*words, "--requests", str(load.requests), "--for-s", str(FOR_S_MAX), "--out", "kernel.jsonl"]


def readings(folder: Path, wall_to_monotonic_ns: int) -> Mapping[str, Sequence[Reading]]:
    """Both stamps of every read as two series."""
    rows = [json.loads(line) for line in (folder / "kernel.jsonl").read_text().splitlines()]
    return {series: [_reading(row, column) for row in rows] for column, series in enumerate((KERNEL, USER))}


def _reading(row: Mapping[str, object], column: int) -> Reading:
    stamps = row["kernel_user_ns"]
    assert isinstance(stamps, list)
    arrivals = [pair[column] for pair in stamps]
    written = row["written_ns"]
    assert isinstance(written, int)
    return Reading(
        key=str(row["stream"]),
        ttft_ms=(arrivals[0] - written) / NS_IN_MS,
        gaps_ms=tuple((after - before) / NS_IN_MS for before, after in pairwise(arrivals)),
        arrivals_ns=tuple(arrivals),
        stamp=("kernel", "user")[column],
    )


READER = Reader(KERNEL, lambda: None, lambda: "this tree", _command, readings, is_peer=False)
