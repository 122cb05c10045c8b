"""guidellm: TTFT of each request, and the wall-clock stamp of its first token. It keeps no gaps, only their mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.measure.readers.contract import TOKENIZER, Load, Reader, no_tokenizer, stream_number
from bench.measure.stamps import Reading
from bench.peers import BENCH, ensure, version_in

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements-guidellm.txt"
RESULT = "guidellm.json"
ENVIRON = MappingProxyType({"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"})


def _absent() -> str | None:
    return ensure("guidellm", REQUIREMENTS) or no_tokenizer()


def _command(load: Load) -> list[str]:
    return [
        *(str(BENCH / "guidellm" / "bin" / "guidellm"), "run"),
        *("--backend", f"kind=openai_http,target={load.url},model=tiny"),
        *("--profile", f"kind=concurrent,streams={load.streams}"),
        *("--constraint", f"kind=max_requests,count={load.requests}"),
        *("--tokenizer", f"kind=huggingface_auto,model={TOKENIZER}"),
        *("--data", f"kind=synthetic_text,prompt_tokens=20,output_tokens={load.tokens}"),
        *("--output", f"kind=json,path={RESULT}", "--disable-console"),
    ]


def readings(folder: Path, wall_to_monotonic_ns: int) -> Mapping[str, Sequence[Reading]]:
    """The requests that it calls successful."""
    said = json.loads((folder / RESULT).read_text())
    found = []
    for request in said["benchmarks"][0]["requests"]["successful"]:
        first_s = request["info"]["timings"]["first_token_iteration"]
        if first_s is None or request["time_to_first_token_ms"] is None:
            continue
        found.append(
            Reading(
                key=stream_number(request["output"]),
                ttft_ms=request["time_to_first_token_ms"],
                arrivals_ns=(round(first_s * 1e9) + wall_to_monotonic_ns,),
            )
        )
    return {"guidellm": found}


READER = Reader("guidellm", _absent, lambda: version_in("guidellm", "guidellm"), _command, readings, ENVIRON)
