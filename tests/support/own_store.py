"""An embedded store in a process of the test's own, for tests that break it."""

from __future__ import annotations

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
import asyncio, sys
from pathlib import Path
from collector.storage.embedded_server import serve
path, guarded, password = sys.argv[1:]
def ready(host, port):
    print(f"http://{host}:{port}", flush=True)
asyncio.run(serve(Path(path), host="127.0.0.1", port=0, password=password or None, stop=asyncio.Event(), ready=ready,
                  guarded=guarded == "guarded"))
"""


@dataclass(slots=True)
class OwnStore:
    """A running store, and its process."""

    url: str
    process: subprocess.Popen[str]

    def client(self, **more: Any) -> Any:
        """An unmodified client of it, without retries of its own."""
        where = urlsplit(self.url)
        return clickhouse_connect.get_client(
            **{"host": where.hostname, "port": where.port, "autogenerate_session_id": False, "query_retries": 0} | more
        )

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()


@contextmanager
def own_store(folder: Path, *, guarded: bool = True, password: str = "") -> Iterator[OwnStore]:
    """Serve *folder* until the block ends; then the process is killed, as by a power cut of its own."""
    command = [sys.executable, "-c", _SERVE, str(folder), "guarded" if guarded else "unguarded", password]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, f"the store ended with {process.wait()}"
        yield OwnStore(url, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
