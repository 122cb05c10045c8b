"""Ours: the `chat_stream` probe, in a process of its own (open_streams.py)."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from bench.measure.place import OUR_ENVIRON
from bench.measure.readers.contract import Load, Reader
from bench.measure.stamps import NS_IN_MS, Reading
from touchstone import __version__


def _command(load: Load) -> list[str]:
    words = [sys.executable, "-m", "bench.measure.open_streams", "--url", load.url, "--streams", str(load.streams)]
    return [*words, "--requests", str(load.requests), "--tokens", str(load.tokens), "--out", "ours.jsonl"]


def readings(folder: Path, wall_to_monotonic_ns: int) -> Mapping[str, Sequence[Reading]]:
    """The probes that got a whole answer; the others are missing from it and counted as such."""
    found = []
    for line in (folder / "ours.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["outcome"] != "ok":
            continue
        arrivals_ms = row["arrivals_ms"]
        found.append(
            Reading(
                key=row["nonce"],
                ttft_ms=row["first_token_ms"],
                gaps_ms=tuple(after - before for before, after in pairwise(arrivals_ms)),
                arrivals_ns=tuple(row["sent_ns"] + round(at * NS_IN_MS) for at in arrivals_ms),
                stamp=row["stamp"],
            )
        )
    return {"ours": found}


READER = Reader("ours", lambda: None, lambda: __version__, _command, readings, OUR_ENVIRON, is_peer=False)
