"""Store, collector, agent and load as processes of their own, that may be killed and started again at any moment."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import clickhouse_connect
import yaml

from probes.spool import SpoolView
from tests.chaos.load import STEP, TARGETS, journaled
from touchstone.address import free_port

DATABASE = "touchstone_chaos"
TOKEN = "the-token-of-the-chaos"
AGENT_TARGETS = 8
WAIT_S = 120.0
DRAIN_S = 600.0  # a busy machine stores a hundred rows a second
POLL_S = 0.02
KINDS = ("store", "collect", "agent", "load")


class House:
    """The processes by name, and what must be true of them in the end."""

    def __init__(self, folder: Path, *, store: Path | None = None, rate: float = 300.0) -> None:
        self.folder, self.rate = folder, rate
        self.config, self.store_folder = folder / "touchstone.yaml", store or folder / "store"
        self.spool, self.journal = folder / "load-0.db", folder / "journal"
        self.store_port, self.collector_port, self.target_port = free_port(), free_port(), free_port()
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.base = midnight - timedelta(days=2)  # closed hours and days, so that rollups are made of them
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def write(self, **more: Any) -> None:
        """The configuration: eight targets of the agent, asked every second."""
        targets = {
            f"up-{number}": {"model": "m", "url": f"http://127.0.0.1:{self.target_port}/{number}", "modules": ["up"]}
            for number in range(AGENT_TARGETS)
        }
        settings = {
            "version": 1,
            "fleet": "fleet.yaml",
            "store": {
                "url": f"http://127.0.0.1:{self.store_port}", "database": DATABASE,
                "embedded": {"path": str(self.store_folder)},
            },
            "agent": {
                "spool": str(self.folder / "spool.db"), "collector_url": self.url, "token": TOKEN,
                "ship_every": "200ms",
            },
            "collector": {
                "listen": f"127.0.0.1:{self.collector_port}", "state": str(self.folder / "state.db"),
                "tokens": {"chaos": {"secret": TOKEN}}, "judge_every": "5s",
            },
            "modules": {"up": {"kind": "http_request", "interval": "1s", "timeout": "1s"}},
        } | more  # fmt: skip
        fleet = {"providers": {"acme": {"clusters": {"east": {"targets": targets}}}}}
        self.config.write_text(yaml.safe_dump(settings))
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))

    @property
    def url(self) -> str:
        """The collector's."""
        return f"http://127.0.0.1:{self.collector_port}"

    def start(self, name: str) -> None:
        """Start one of KINDS."""
        ours = ["touchstone", "-c", str(self.config), name]
        load = ["tests.chaos.load", "--spool", str(self.spool), "--journal", str(self.journal), "--url", self.url,
                "--token", TOKEN, "--base", self.base.isoformat(), "--rate", str(self.rate)]  # fmt: skip
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", *(load if name == "load" else ours)]
            self._running[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def log(self, name: str) -> str:
        """What a process and its predecessors have said."""
        file = self.folder / f"{name}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def reopened_s(self, name: str) -> float:
        """Start *name*, and how long it takes until it does its work."""
        before, began = len(self.log(name)), time.monotonic()
        self.start(name)
        ready: dict[str, Callable[[], bool]] = {
            "store": lambda: self._answers(),
            "collect": lambda: _fetched(f"{self.url}/readyz"),
            "agent": lambda: "subjects in" in self.log("agent")[before:],
            "load": lambda: "open" in self.log("load")[before:],
        }
        self.wait(f"{name} does its work", ready[name])
        return time.monotonic() - began

    def pid(self, name: str) -> int | None:
        """Of a process that runs."""
        return self._running[name].pid if name in self._running else None

    def cpu_s(self, name: str) -> float:
        """What a process has computed so far: how long it takes to start, whoever else is on the machine."""
        fields = Path(f"/proc/{self.pid(name)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, what: str, look: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        """Return as soon as *look* is true; an error that says *what* and the logs after too long."""
        give_up = time.monotonic() + timeout_s
        while not look():
            if time.monotonic() > give_up:
                logs = "\n".join(f"--- {name}\n{self.log(name)[-2000:]}" for name in KINDS)
                raise AssertionError(f"not within {timeout_s:g} s: {what}\n{logs}")
            time.sleep(POLL_S)

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name: str) -> None:
        """SIGTERM, and it must end in order; the load ships everything first."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=DRAIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(
                f"{name} did not end within {DRAIN_S:g} s, {self.waiting()} rows wait: {self.log(name)[-2000:]}"
            ) from None
        assert code == 0, f"{name} ended with {code}: {self.log(name)[-2000:]}"

    def close(self) -> None:
        """End whatever runs."""
        for name in list(self._running):
            self.kill(name)

    def waiting(self) -> int:
        """Rows in the load's spool."""
        view = SpoolView(self.spool)
        try:
            return view.ledger().pending
        finally:
            view.close()

    def finish(self) -> None:
        """End the load and the agent in order, everything shipped; the store and the collector go on."""
        self.stop("load")
        if "agent" in self._running:
            self.stop("agent")

    def wrong(self) -> list[str]:
        """What must not be: rows of the load that are missing or doubled, ticks of the agent that are."""
        return [*self._load_wrong(), *self._agent_wrong()]

    def _load_wrong(self) -> Iterator[str]:
        put = journaled(self.journal)
        found = self.query(
            "SELECT target, toUnixTimestamp64Milli(tick), count() FROM observations "
            "WHERE target LIKE 'acme/east/load-%' GROUP BY target, tick"
        )
        base_ms, step_ms = int(self.base.timestamp() * 1000), int(STEP.total_seconds() * 1000)
        numbers = {
            (tick - base_ms) // step_ms * TARGETS + int(target.rsplit("-", 1)[1]): n for target, tick, n in found
        }
        missing = [number for number in range(put) if number not in numbers]
        doubled = [number for number, n in numbers.items() if n > 1]
        if missing:
            yield f"{len(missing)} of {put} rows that were in the spool are not stored: {missing[:5]}"
        if doubled:
            yield f"{len(doubled)} rows are stored more than once: {doubled[:5]}"
        if max(numbers, default=-1) >= put:
            yield f"row {max(numbers)} is stored; {put} were put"

    def _agent_wrong(self) -> Iterator[str]:
        rows = self.query(
            "SELECT target, count(), uniqExact(tick), toUnixTimestamp64Milli(min(tick)), "
            "toUnixTimestamp64Milli(max(tick)) FROM observations "
            "WHERE target LIKE 'acme/east/up-%' AND attempt = 0 GROUP BY target ORDER BY target"
        )
        for target, n, ticks, first, last in rows:
            expected = (last - first) // 1000 + 1
            if not n == ticks == expected:
                yield f"{target}: {n} rows of {ticks} ticks, {expected} are on its grid"

    def agent_rows(self) -> int:
        """How many ticks of the agent are stored."""
        return int(self.query("SELECT count() FROM observations WHERE target LIKE 'acme/east/up-%'")[0][0])

    def query(self, sql: str) -> Any:
        """The rows of a query."""
        client = clickhouse_connect.get_client(host="127.0.0.1", port=self.store_port, database=DATABASE)
        try:
            return client.query(sql).result_rows
        finally:
            client.close()

    def _answers(self) -> bool:
        """Whether the store answers a query that reads rows."""
        sql = f"SELECT count() FROM {DATABASE}.observations" if self.journal.exists() else "SELECT 1"
        return _fetched(f"http://127.0.0.1:{self.store_port}/?query={sql.replace(' ', '%20')}")

    @contextmanager
    def targets(self) -> Iterator[None]:
        """Something for the agent to ask."""

        class Fine(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with suppress(ConnectionError):  # who asked was killed
                    self.send_response(200)
                    self.send_header("Content-Length", "4")
                    self.end_headers()
                    self.wfile.write(b"fine")

            def log_message(self, format: str, *arguments: object) -> None:
                return None

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.target_port), Fine)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


def _fetched(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False
