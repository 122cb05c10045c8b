"""An embedded store in a process of the test's own, for tests that break it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect

_ROOT = Path(__file__).parents[2]
_SERVE = """
import asyncio, json, logging, sys
from pathlib import Path
from collector.storage.embedded.accounts import Account
from collector.storage.embedded.limits import Limits
from collector.storage.embedded_server import serve
from touchstone.signals import stop_on_signals
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
options = json.loads(sys.argv[2])
if reader := options.pop("reader", None):
    options["reader"] = Account("reader", reader, reading=True)
if limits := options.pop("limits", None):
    options["limits"] = Limits(**limits)
if backups := options.pop("backups", None):
    options["backups"] = Path(backups)
def ready(host, port):
    print(f"http://{host}:{port}", flush=True)
async def main():
    stop = stop_on_signals()
    await serve(Path(sys.argv[1]), host="127.0.0.1", port=0, stop=stop, ready=ready, **options)
asyncio.run(main())
"""


@dataclass(slots=True)
class OwnStore:
    """A running store, its process, and what it said while it started."""

    url: str
    process: subprocess.Popen[str]
    said: list[str]

    def client(self, **more: Any) -> Any:
        """An unmodified client of it, without retries of its own."""
        where = urlsplit(self.url)
        return clickhouse_connect.get_client(
            **{"host": where.hostname, "port": where.port, "autogenerate_session_id": False, "query_retries": 0} | more
        )

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@contextmanager
def own_store(folder: Path, **options: Any) -> Iterator[OwnStore]:
    """
    Serve *folder* until the block ends; then the process is killed, as by a power cut of its own.

    *options* are those of `serve`; `reader` is the reader's password, `limits` the fields of Limits that differ.
    """
    command = [sys.executable, "-c", _SERVE, str(folder), json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    assert process.stdout is not None
    said: list[str] = []
    try:
        while line := process.stdout.readline().strip():
            if line.startswith("http"):
                break
            said.append(line)
        assert line, f"the store ended with {process.wait()}: {said}"
        yield OwnStore(line, process, said)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
