"""
Real inference engines on loopback, as values with an address: vLLM, and `transformers serve` as a second opinion.

    with serve_vllm() as engine:
        ...  # engine.url is "http://127.0.0.1:PORT/v1", engine.model "tiny"

`python -m bench.engine.serve vllm --port 8399` does the same in the foreground. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.engine.errors import EngineError, EngineMissing
from bench.engine.process import pinned, post, running, tail, wait_until_ended, wait_until_healthy

BENCH = Path(__file__).resolve().parents[2] / ".bench"
VENV = BENCH / "vllm"
MODEL_FOLDER = BENCH / "tiny-model"
HEALTHY_S = 240.0  # vLLM: 25 s on an idle machine of two cores, 80 to 115 s on a busy one
WARM_UP_S = 120.0  # the first request took 3 to 20 s

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_CACHE": str(BENCH / "hub"),  # must exist: transformers lists it for /v1/models
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
_GENERATES = ("--enable-auto-tool-choice", "--tool-call-parser", "hermes")
_EMBEDS = ("--runner", "pooling", "--convert", "embed")
_SHAPE = ("--max-model-len", "2048", "--max-num-seqs", "64", "--dtype", "bfloat16", "--enforce-eager")
WarmUp = tuple[str, dict[str, object]]  # a path, and a request without its model
_CHAT: WarmUp = (
    "/chat/completions",
    {"messages": [{"role": "user", "content": "bala kri"}], "max_tokens": 8, "stream": True},
)
_EMBEDDING: WarmUp = ("/embeddings", {"input": "bala kri"})
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ServedEngine:
    """A running, warm engine. `url` ends in /v1 and takes no key."""

    name: str
    url: str
    model: str
    pid: int
    log: Path
    healthy_after_s: float


def missing() -> str | None:
    """Why there is no engine here, with the command that mends it; None when there is one."""
    for needed in (VENV / ".installed", MODEL_FOLDER / ".made"):
        if not needed.exists():
            return f"no {needed.relative_to(BENCH.parent)}: run `make engine-install`"
    return None


def serve_vllm(*, port: int | None = None, log: Path | None = None) -> AbstractContextManager[ServedEngine]:
    """vLLM on the CPU: usage in the stream, log-probabilities, tools, and its own /metrics beside what a probe saw."""
    return _vllm(_GENERATES, _CHAT, port, log)


def serve_embeddings(*, port: int | None = None, log: Path | None = None) -> AbstractContextManager[ServedEngine]:
    """vLLM on the CPU with the same model, for its hidden states: /v1/embeddings and nothing that generates."""
    return _vllm(_EMBEDS, _EMBEDDING, port, log)


def _vllm(
    options: tuple[str, ...], warm_up: WarmUp, port: int | None, log: Path | None
) -> AbstractContextManager[ServedEngine]:
    port = port or _free_port()
    command = ["vllm", "serve", str(MODEL_FOLDER), "--served-model-name", "tiny", *_listen(port), *_SHAPE, *options]
    return _served("vllm", command, model="tiny", port=port, log=log, warm_up=warm_up)


def serve_third_party(*, port: int | None = None, log: Path | None = None) -> AbstractContextManager[ServedEngine]:
    """
    `transformers serve`, an OpenAI-compatible server that shares no code with vLLM's.

    One request at a time. Its stream ends without `[DONE]`, and the usage comes, asked for or not, in the
    chunk of the finish reason. It takes a model only under the path it was started with.
    """
    port = port or _free_port()
    command = ["transformers", "serve", MODEL_FOLDER.name, *_listen(port), "--device", "cpu", "--default-seed", "7"]
    return _served("transformers", command, model=MODEL_FOLDER.name, port=port, log=log, warm_up=_CHAT)


ENGINES = {"vllm": serve_vllm, "vllm-embeddings": serve_embeddings, "transformers": serve_third_party}


@contextmanager
def _served(
    name: str, command: list[str], *, model: str, port: int, log: Path | None, warm_up: WarmUp
) -> Iterator[ServedEngine]:
    """Start, wait, warm up; the caller's block; stop."""
    if reason := missing():
        raise EngineMissing(reason)
    (BENCH / "hub").mkdir(exist_ok=True)
    log = log or BENCH / "logs" / f"{name}-{port}.log"
    base = f"http://127.0.0.1:{port}"
    whole = pinned([str(VENV / "bin" / command[0]), *command[1:]])
    with running(whole, environ=_OFFLINE, folder=BENCH, log=log) as pid:
        waited_s = wait_until_healthy(pid, f"{base}/health", log=log, within_s=HEALTHY_S)
        engine = ServedEngine(name, f"{base}/v1", model, pid, log, waited_s)
        path, request = warm_up
        body = json.dumps({"model": model, **request}).encode()
        post(f"{engine.url}{path}", body, within_s=WARM_UP_S)  # read to its end: the first one is seconds late
        yield engine


def _listen(port: int) -> list[str]:
    return ["--host", "127.0.0.1", "--port", str(port)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Serve one engine in the foreground and say its address, until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="Serve a real inference engine on loopback until Ctrl-C.")
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--log", type=Path, default=None)
    chosen = parser.parse_args()
    for number in _STOPPING:
        signal.signal(number, _stop)
    print(f"engine: starting {chosen.engine}, up to {HEALTHY_S:.0f} s", file=sys.stderr, flush=True)
    try:
        with ENGINES[chosen.engine](port=chosen.port, log=chosen.log) as engine:
            print(f"engine: {engine.url} serves {engine.model}; log {engine.log}", flush=True)
            wait_until_ended(engine.pid)
            print(f"engine: {engine.name} ended by itself\n{tail(engine.log)}", file=sys.stderr)
            return 3
    except KeyboardInterrupt:
        return 0
    except EngineError as error:
        print(f"engine: {error}", file=sys.stderr)
        return 3


def _stop(number: int, frame: FrameType | None) -> None:
    """End once: a second Ctrl-C must not keep the engine's processes from being ended."""
    for each in _STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
