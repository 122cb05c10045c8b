"""The real dashboard as a process of a test's own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stores import first_document
from touchstone.address import free_port


@contextmanager
def served(configuration: Path) -> Iterator[str]:
    """The URL of a dashboard by the settings in *configuration*, until the end of the block."""
    listen = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "touchstone", "-c", str(configuration), "dashboard", "--listen", listen, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield str(first_document(process)["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
