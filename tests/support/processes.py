"""Touchstone's own processes for tests: started as a user would, on free ports, their output kept for the failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import yaml

from touchstone.address import free_port

T = TypeVar("T")
STOP_S = 40
LOG_TAIL_CHARS = 3000
WEBHOOK_SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


def touchstone(*arguments: str, timeout_s: float = 60, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "touchstone", *arguments],
        capture_output=True, text=True, timeout=timeout_s, env=os.environ | environ, check=False,
    )  # fmt: skip


def answer_of(*arguments: str) -> Any:
    """The JSON document that one command prints."""
    result = touchstone(*arguments)
    assert result.stdout, f"{arguments}: exit {result.returncode}: {result.stderr}"
    return json.loads(result.stdout)


def wait_for(what: str, look: Callable[[], T | None], *, timeout_s: float = 30) -> T:
    """What *look* returns as soon as it is true; fails saying *what* was waited for."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


class Deployment:
    """One configuration in a folder, and the processes that were started from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "touchstone.yaml"
        self.store_port, self.collector_port, self.receiver_port = free_port(), free_port(), free_port()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def write(self, *, target: dict[str, Any], module: dict[str, Any], **settings: Any) -> None:
        """Settings with one provider `acme`, one cluster `east`, one target `chat`."""
        receiver = f"http://127.0.0.1:{self.receiver_port}"
        whole = {
            "version": 1,
            "fleet": "fleet.yaml",
            "store": {
                "url": f"http://127.0.0.1:{self.store_port}",
                "database": "touchstone_test",
                "embedded": {"path": str(self.folder / "store")},
            },
            "agent": {
                "spool": str(self.folder / "spool.db"),
                "collector_url": f"http://127.0.0.1:{self.collector_port}",
                "ship_every": "250ms",
            },
            "collector": {
                "listen": f"127.0.0.1:{self.collector_port}",
                "state": str(self.folder / "state.db"),
                "judge_every": "1s",
            },
            "modules": {"chat": module},
            "paging": {
                "private_addresses": True,
                "destinations": {
                    "hook": {"kind": "webhook", "url": f"{receiver}/webhook", "secret": WEBHOOK_SECRET},
                    "duty": {"kind": "pagerduty", "url": f"{receiver}/v2/enqueue", "routing_key": "r" * 32},
                },
                "routes": {"P0": ["hook", "duty"], "P1": ["hook", "duty"], "P2": ["hook"]},
            },
        } | settings  # fmt: skip
        fleet = {"providers": {"acme": {"clusters": {"east": {"targets": {"chat": {"modules": ["chat"]} | target}}}}}}
        self.config.write_text(yaml.safe_dump(whole))
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))

    def start(self, name: str, *arguments: str, command: str | None = None, config: Path | None = None) -> None:
        """Start `touchstone NAME`, or *command* under that name, from *config*; `said` waits for what it prints."""
        log = (self.folder / f"{name}.log").open("ab")
        line = [sys.executable, "-m", "touchstone", "-c", str(config or self.config), "-v", command or name, *arguments]
        self._running[name] = subprocess.Popen(line, stdout=log, stderr=log)
        log.close()

    def said(self, name: str, words: str) -> None:
        """Wait until a process has said *words*."""
        wait_for(f"{name} says {words!r}: {self.log(name)}", lambda: words in self.log(name))

    def log(self, name: str) -> str:
        """Everything a process has printed."""
        file = self.folder / f"{name}.log"
        return file.read_text() if file.exists() else ""

    def running(self, name: str) -> bool:
        """Whether the process that `start` made is still the one that runs."""
        return self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """Of the process that `start` made."""
        return self._running[name].pid

    def stop(self, name: str) -> int:
        """SIGTERM; the exit code."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=STOP_S)

    def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self._running.pop(name)
        process.kill()
        process.wait(timeout=STOP_S)

    def close(self) -> None:
        """Stop whatever still runs, the front before the back."""
        back = ("collect", "receiver", "store")
        for name in (*(name for name in self._running if name not in back), *back):
            if name in self._running:
                try:
                    self.stop(name)
                except subprocess.TimeoutExpired:
                    self.kill(name)


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """A Deployment in *folder*; what was started is stopped at the end. A test that fails shows the logs."""
    made = Deployment(folder)
    try:
        yield made
    finally:
        made.close()
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL_CHARS:]}")
