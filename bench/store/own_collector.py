"""A collector process of the bench's own, over a store that runs: the one that `touchstone collect` starts."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from bench.store.own_store import STOP_S
from schemas.config import Store
from touchstone.address import free_port


@contextmanager
def own_collector(store: Store, folder: Path, targets: list[str]) -> Iterator[tuple[str, int]]:
    """The address of a collector that knows *targets* (`provider/cluster/target`), and its process."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "version": 1,
        "fleet": "fleet.yaml",
        "store": {"url": store.url, "database": store.database},
        "collector": {"listen": url.removeprefix("http://"), "state": str(folder / "state.db"), "judge_every": "1h"},
        "modules": {"chat-short": {"kind": "chat_stream"}},
    }
    (folder / "touchstone.yaml").write_text(yaml.safe_dump(settings))
    (folder / "fleet.yaml").write_text(yaml.safe_dump(_fleet(targets)))
    words = [sys.executable, "-m", "touchstone", "-c", str(folder / "touchstone.yaml"), "collect", "--json"]
    with (folder / "collect.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError(f"the collector did not start: {(folder / 'collect.log').read_text()[-500:]}")
        yield url, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fleet(targets: list[str]) -> dict[str, object]:
    providers: dict[str, dict[str, dict[str, object]]] = {}
    for one in targets:
        provider, cluster, target = one.split("/")
        asked = {"model": "m", "url": "http://127.0.0.1:9/v1", "modules": ["chat-short"]}
        clusters = providers.setdefault(provider, {"clusters": {}})["clusters"]
        clusters.setdefault(cluster, {"targets": {}})["targets"][target] = asked  # type: ignore[index]
    return {"providers": providers}
