"""A store process of the bench's own: the one that `touchstone store` starts, in a folder that is kept between runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.config import Store
from touchstone.address import free_port

STOP_S = 60.0
# Exact quantiles of 70 million values, which are the peer, take more than a query is given by default.
SETTINGS = """version: 1
fleet: fleet.yaml
store:
  url: http://127.0.0.1:{port}
  embedded: {{path: {path}, memory_mib: 8192, query_memory_mib: 6144, query_time: 10m}}
modules: {{chat: {{kind: chat_stream}}}}
"""
FLEET = """providers:
  acme: {clusters: {east: {targets: {chat: {model: m, url: "http://127.0.0.1:9/v1", modules: [chat]}}}}}
"""


@contextmanager
def own_store(folder: Path) -> Iterator[tuple[Store, int]]:
    """The store in *folder*, and the process that serves it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder.parent / f"{folder.name}.yaml"
    settings.write_text(SETTINGS.format(port=free_port(), path=json.dumps(str(folder))))
    (folder.parent / "fleet.yaml").write_text(FLEET)
    words = [sys.executable, "-m", "touchstone", "-c", str(settings), "store", "--json"]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        yield Store(url=json.loads("".join(lines))["url"]), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """What a process holds (VmRSS) or has held at most (VmHWM), in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"/proc/{pid}/status has no {what}")
