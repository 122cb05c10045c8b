"""Processes of the bench: started, killed and stopped by their own ids; none outlives the bench, however that ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.page.errors import BenchError
from touchstone.niceness import stand_back

STOP_S = 15.0
POLL_S = 0.02
SAID_CHARS = 600
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Process:
    """One program, *nice* steps nicer than the bench; all that it says, over every start, is in *log*."""

    def __init__(
        self, words: Sequence[str], *, log: Path, folder: Path, environ: Mapping[str, str], nice: int = 0
    ) -> None:
        self._nice = nice
        self._words, self._log, self._folder, self._environ = list(words), log, folder, {**os.environ, **environ}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; gives the instant, on the monotonic clock."""
        assert self._running is None
        began_s = time.monotonic()
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._words, cwd=self._folder, env=self._environ, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=self._prepare,
            )  # fmt: skip
        return began_s

    @property
    def pid(self) -> int:
        """Its id, while it runs."""
        assert self._running is not None
        return self._running.pid

    async def listens(self, port: int, *, within_s: float) -> None:
        """Wait until it takes connections on loopback; raises BenchError when it ends before, or is too late."""
        give_up = time.monotonic() + within_s
        while time.monotonic() < give_up:
            if self._running is None or self._running.poll() is not None:
                raise BenchError(f"{self._words[0]} ended: {self.last_words()}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(POLL_S)
                continue
            writer.close()
            return
        raise BenchError(f"{self._words[0]} does not listen on port {port}: {self.last_words()}")

    def kill(self) -> None:
        """SIGKILL."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not heard."""
        if self._running is None:
            return
        self._running.send_signal(signal.SIGTERM)
        try:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._running.wait, STOP_S)
        finally:
            self.kill()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-SAID_CHARS:].strip() if self._log.exists() else ""

    def _prepare(self) -> None:
        """Before it begins: the kernel ends it when the bench ends, however that does."""
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        stand_back(self._nice)
