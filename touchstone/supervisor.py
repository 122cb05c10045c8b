"""Starts processes, starts them again when they die, and stops them in order; a child never outlives its supervisor."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson

from schemas.clock import Clock
from touchstone.niceness import stand_back

logger = logging.getLogger(__name__)

BACKOFF_MIN_S = 0.2
BACKOFF_MAX_S = 5.0
STEADY_S = 10.0  # a child that ran this long starts again at once
STARTS_MAX = 1_000
_PR_SET_PDEATHSIG = 1

Talk = Callable[[asyncio.subprocess.Process], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Program:
    """
    One child: `touchstone ARGUMENTS`.

    *once* ends for good on exit 0; *stop_s* is how long SIGTERM may take; *orphan* is what the kernel sends it when
    the supervisor dies. With *talk* its standard input and output are pipes, and *talk* runs as long as it does.
    """

    name: str
    arguments: tuple[str, ...]
    once: bool = False
    nice: int = 0
    stop_s: float = 10.0
    orphan: signal.Signals = signal.SIGTERM
    talk: Talk | None = None


@dataclass
class Child:
    """What became of a program so far."""

    program: Program
    pid: int | None = None
    starts: int = 0
    exit_code: int | None = None
    finished: bool = False
    _stopping: bool = False
    _process: asyncio.subprocess.Process | None = None
    _task: asyncio.Task[None] | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """
    Children by name.

    *folder* gets `logs/NAME.log` and `processes.json` (name to pid, kept true); without one the children write to our
    own standard error.
    """

    def __init__(
        self, folder: Path | None, environ: dict[str, str], clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._folder, self._environ, self._clock, self._on_change = folder, environ, clock, on_change
        self.children: dict[str, Child] = {}
        if folder is not None:
            (folder / "logs").mkdir(parents=True, exist_ok=True)

    def start(self, program: Program) -> Child:
        """Start *program* and keep it running."""
        assert program.name not in self.children, program.name
        child = self.children[program.name] = Child(program)
        child._task = asyncio.get_running_loop().create_task(self._keep(child), name=f"keep {program.name}")
        return child

    async def stop(self, name: str) -> int | None:
        """SIGTERM, wait, SIGKILL; the exit code. Nothing happens when it was never started."""
        child = self.children.get(name)
        if child is None or child._task is None:
            return None
        child._stopping = True
        if child._process is not None and child._process.returncode is None:
            child._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(child.program.stop_s):
                    await child._ended.wait()
            except TimeoutError:
                logger.warning("%s did not stop within %.0f s; killed", name, child.program.stop_s)
                child._process.kill()
        else:
            child._task.cancel()
        await asyncio.gather(child._task, return_exceptions=True)
        return child.exit_code

    def log_of(self, name: str) -> Path:
        """Where a child's output goes, when there is a folder."""
        assert self._folder is not None
        return self._folder / "logs" / f"{name}.log"

    async def _keep(self, child: Child) -> None:
        backoff_s = BACKOFF_MIN_S
        with ExitStack() as files:
            name = child.program.name
            log = files.enter_context(self.log_of(name).open("ab")) if self._folder is not None else None
            while not child._stopping and child.starts < STARTS_MAX:
                started = self._clock.monotonic()
                await self._run(child, log)
                if child._stopping or (child.program.once and child.exit_code == 0):
                    break
                ran_s = self._clock.monotonic() - started
                backoff_s = BACKOFF_MIN_S if ran_s >= STEADY_S else min(backoff_s * 2, BACKOFF_MAX_S)
                logger.warning("%s ended with %s; starting again", name, child.exit_code)
                await self._clock.sleep(backoff_s)
        child.finished = True
        self._changed()

    async def _run(self, child: Child, log: IO[bytes] | None) -> None:
        program, pipe = child.program, asyncio.subprocess.PIPE
        command = [sys.executable, "-m", "touchstone", *program.arguments]
        child._ended.clear()
        child._process = await asyncio.create_subprocess_exec(
            *command,
            env=self._environ,
            stdin=pipe if program.talk else asyncio.subprocess.DEVNULL,
            stdout=pipe if program.talk else log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent(program.nice, program.orphan),
        )
        child.pid, child.exit_code = child._process.pid, None
        child.starts += 1
        self._changed()
        talking = asyncio.ensure_future(program.talk(child._process)) if program.talk else None
        child.exit_code = await child._process.wait()
        if talking is not None:
            talking.cancel()
            await asyncio.wait({talking})
        child.pid = None
        child._ended.set()
        self._changed()

    def _changed(self) -> None:
        if self._folder is not None:
            pids = {name: child.pid for name, child in self.children.items() if child.pid is not None}
            file = self._folder / "processes.json"
            fresh = file.with_suffix(".tmp")
            fresh.write_bytes(orjson.dumps(pids))
            fresh.replace(file)
        self._on_change()


def _die_with_parent(nice: int, orphan: signal.Signals) -> Callable[[], None]:
    """What the child runs before exec: on Linux the kernel sends it *orphan* when the supervisor dies, however."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, orphan, 0, 0, 0)
        stand_back(nice)

    return prepare
