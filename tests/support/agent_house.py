"""A real `touchstone agent` with its workers, started as a user would, against servers of the test's own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

STOP_S = 30.0


class AgentHouse:
    """One configuration in *folder*, and the agent that runs on it."""

    def __init__(self, folder: Path, collector_url: str) -> None:
        self.folder, self._collector_url = folder, collector_url.rstrip("/")
        self.config = folder / "touchstone.yaml"
        self.process: asyncio.subprocess.Process | None = None

    def write(
        self,
        targets: dict[str, dict[str, Any]],
        modules: dict[str, dict[str, Any]],
        *,
        telemetry: dict[str, Any] | None = None,
        **agent: Any,
    ) -> None:
        """Settings, and one provider `acme` with one cluster `east`."""
        settings = {
            "version": 1,
            "fleet": "fleet.yaml",
            "agent": {
                "spool": str(self.folder / "spool.db"), "collector_url": self._collector_url, "ship_every": "200ms"
            } | agent,
            "telemetry": telemetry or {},
            "modules": modules,
        }  # fmt: skip
        fleet = {"providers": {"acme": {"clusters": {"east": {"targets": targets}}}}}
        for file, content in ((self.config, settings), (self.folder / "fleet.yaml", fleet)):
            fresh = file.with_suffix(".tmp")
            fresh.write_text(yaml.safe_dump(content))
            fresh.replace(file)

    async def start(self, *arguments: str) -> None:
        """Start it; `said` waits for what it prints."""
        with (self.folder / "agent.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "touchstone", "-c", str(self.config), "agent", *arguments, stdout=log, stderr=log
            )

    def log(self) -> str:
        """Everything that it and its workers have printed."""
        return (self.folder / "agent.log").read_text()

    def workers(self) -> list[int]:
        """The process ids of the workers that live, in order of their number."""
        assert self.process is not None
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = dict(
                    line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
                )
                words = (folder / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if status["PPid"] == str(self.process.pid) and "--worker" in words and "Z" not in status["State"]:
                found[int(words[words.index("--worker") + 1])] = int(folder.name)
        return [pid for _, pid in sorted(found.items())]

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), STOP_S)

    async def close(self) -> None:
        """End whatever still runs."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


async def until(what: str, look: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
    """What *look* returns as soon as it is true; fails saying *what* was waited for."""
    for _ in range(round(timeout_s / 0.05)):
        if found := look():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


def alive(pid: int) -> bool:
    """Whether a process lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
