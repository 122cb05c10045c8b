"""The load server as a process: built, started on a core of its own, ended, and its log read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure.errors import BenchError
from bench.measure.stamps import Truth
from bench.peers import BENCH

SOURCES = Path(__file__).resolve().parent
BUILT = BENCH / "measure"
STOP_S = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    """A running load server."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerLog:
    """What the server saw. *gets* are (path, received ns). *cut*: streams that a client left or did not take."""

    truths: tuple[Truth, ...]
    gets: tuple[tuple[str, int], ...]
    cut: int
    clock_step_ns: int
    realtime: bool


def build(name: str) -> Path:
    """The program NAME, compiled from NAME.c when that is newer; raises BenchError."""
    source, program = SOURCES / f"{name}.c", BUILT / name
    parts = (source, SOURCES / "kernel_stamp.h")
    if program.exists() and program.stat().st_mtime > max(part.stat().st_mtime for part in parts):
        return program
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BenchError("no C compiler; on Debian and Ubuntu: apt-get install gcc libc6-dev")
    BUILT.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-std=gnu11", "-o", str(program), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{source.name} does not compile:\n{done.stderr}")
    return program


@contextmanager
def serving(folder: Path, *, tokens: int, for_s: int, core: int | None = None) -> Iterator[Served]:
    """A load server on *core*, at real-time priority where permitted; its log is there when the block is left."""
    log = folder / "server.jsonl"
    command = [str(build("load_server")), "--tokens", str(tokens), "--for-s", str(for_s), "--log", str(log)]
    command += ["--realtime"]
    command += ["--core", str(core)] if core is not None else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            word, _, port = server.stdout.readline().partition(" ")
            if word != "port":
                raise BenchError(f"the load server did not start: {' '.join(command)}")
            yield Served(int(port), log)
        finally:
            server.terminate()
            server.wait(STOP_S)


def read_log(path: Path) -> ServerLog:
    """The log that a server left."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    head = lines[0]
    truths = tuple(
        Truth(
            stream=str(line["stream"]),
            path=line["path"],
            nonce=line["nonce"],
            received_ns=line["received_ns"],
            sent_ns=tuple(line["sent_ns"]),
        )
        for line in lines[1:]
        if "stream" in line
    )
    gets = tuple((line["get"], line["received_ns"]) for line in lines[1:] if "get" in line)
    return ServerLog(truths, gets, head["cut"], head["clock_step_ns"], head["realtime"])
