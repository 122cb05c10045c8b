"""aiperf: TTFT and gaps as its metrics report them, stamps (perf_counter) from its raw records of the same requests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bench.measure.readers.contract import TOKENIZER, Load, Reader, no_tokenizer, stream_number
from bench.measure.stamps import Reading
from bench.peers import BENCH, ensure, version_in

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-aiperf.txt"
ARTIFACTS = "artifacts"
ENVIRON = MappingProxyType({"DO_NOT_TRACK": "1", "NO_PROXY": "127.0.0.1"})


def _absent() -> str | None:
    return ensure("aiperf", REQUIREMENTS) or no_tokenizer()


def _command(load: Load) -> list[str]:
    return [
        *(str(BENCH / "aiperf" / "bin" / "aiperf"), "profile", "--model", "tiny"),
        *("--tokenizer", str(TOKENIZER), "--url", load.url, "--endpoint-type", "chat", "--streaming"),
        *("--concurrency", str(load.streams), "--request-count", str(load.requests)),
        *("--ui", "none", "--artifact-dir", ARTIFACTS, "--export-level", "raw"),
    ]


def readings(folder: Path, wall_to_monotonic_ns: int) -> Mapping[str, Sequence[Reading]]:
    """The requests of its raw records, with its own metrics of the same request."""
    metrics = {
        row["metadata"]["x_request_id"]: row["metrics"] for row in _rows(folder / ARTIFACTS / "profile_export.jsonl")
    }
    found = []
    for row in _rows(folder / ARTIFACTS / "profile_export_raw.jsonl"):
        said = metrics.get(row["metadata"]["x_request_id"], {})
        if "time_to_first_token" not in said:
            continue
        tokens = [(one["perf_ns"], text) for one in row["responses"] if (text := _content(one))]
        found.append(
            Reading(
                key=stream_number(tokens[0][1]) if tokens else "",
                ttft_ms=said["time_to_first_token"]["value"],
                gaps_ms=tuple(said["inter_chunk_latency"]["value"]) if "inter_chunk_latency" in said else (),
                arrivals_ns=tuple(at for at, _ in tokens),
            )
        )
    return {"aiperf": found}


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def _content(response: Mapping[str, Any]) -> str:
    """The content that one event of the stream carried."""
    parts = []
    for packet in response.get("packets", ()):
        if packet["name"] == "data" and packet["value"].startswith("{"):
            parts += [choice["delta"].get("content") or "" for choice in json.loads(packet["value"])["choices"]]
    return "".join(parts)


READER = Reader("aiperf", _absent, lambda: version_in("aiperf", "aiperf"), _command, readings, ENVIRON)
