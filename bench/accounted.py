"""
Runs a command on chosen cores for a bounded time, and says what CPU it used, with everything that it started.

The process that waits is made a subreaper: what the command's children leave behind is waited for too, so that nothing
escapes the account. It is a process of its own, for a subreaper adopts every orphan below it.

`python bench/accounted.py --cores 1 --within-s 60 --account FILE -- COMMAND ...`; Linux and the standard library only.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
LEFT_BEHIND_S = 5.0  # for what outlives the command; then it is ended
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Account:
    """
    What a command cost. *code* is its exit status, negative for a signal; None when its time was up.

    *start_s* is when it was started, *term_s* when it got SIGTERM, on the monotonic clock.
    """

    code: int | None
    wall_s: float
    cpu_s: float
    start_s: float
    term_s: float | None


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way."""

    launcher: subprocess.Popen[bytes]
    account: Path

    def wait(self) -> Account:
        """Its account, when it has ended."""
        if self.launcher.wait() != 0:
            raise RuntimeError(f"bench.accounted failed: {(self.account.parent / 'out.log').read_text()[-500:]}")
        return Account(**json.loads(self.account.read_text()))


def start_accounted(
    command: Sequence[str],
    *,
    cores: set[int],
    within_s: float,
    folder: Path,
    term_after_s: float | None = None,
    environ: Mapping[str, str] | None = None,
) -> Running:
    """
    Start *command* in *folder*, its output in `out.log` there.

    After *term_after_s* it gets SIGTERM; after *within_s* it is killed with all its children.
    """
    account = folder / "account.json"
    words = [sys.executable, "-P", __file__, "--within-s", str(within_s), "--account", str(account)]
    if term_after_s is not None:
        words += ["--term-after-s", str(term_after_s)]
    with (folder / "out.log").open("wb") as output:
        launcher = subprocess.Popen(
            [*words, "--cores", ",".join(map(str, sorted(cores))), "--", *command],
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Running(launcher, account)


def account_for(command: Sequence[str], within_s: float, term_after_s: float | None) -> Account:
    """Run *command* below this process, wait for it and for its orphans."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    start = time.monotonic()
    child = subprocess.Popen(command)
    code = _wait(child, within_s if term_after_s is None else min(term_after_s, within_s))
    term_s = None
    if code is None and term_after_s is not None and term_after_s < within_s:
        term_s = time.monotonic()
        child.terminate()
        code = _wait(child, within_s - term_after_s)
    if code is None:
        _end_descendants()
        child.wait()
    wall_s = time.monotonic() - start
    _reap_orphans()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Account(code, wall_s, used.ru_utime + used.ru_stime, start, term_s)


def _wait(child: subprocess.Popen[bytes], patience_s: float) -> int | None:
    try:
        return child.wait(patience_s)
    except subprocess.TimeoutExpired:
        return None


def _reap_orphans() -> None:
    """Wait for whatever was left to us; end it when it does not end by itself."""
    deadline = time.monotonic() + LEFT_BEHIND_S
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            if time.monotonic() > deadline:
                _end_descendants()
            time.sleep(POLL_S)


def _end_descendants() -> None:
    """SIGKILL to every process below this one."""
    below = {os.getpid()}
    parents = _parents()
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    for pid in below - {os.getpid()}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _parents() -> dict[int, int]:
    """Every process with its parent."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended
            continue
        found[int(folder.name)] = int(fields[1])
    return found


def main() -> int:
    """Run one command and write its account."""
    parser = argparse.ArgumentParser(description="Run a command and account for its CPU.")
    parser.add_argument("--cores", required=True)
    parser.add_argument("--within-s", type=float, required=True)
    parser.add_argument("--term-after-s", type=float, default=None)
    parser.add_argument("--account", type=Path, required=True)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    os.sched_setaffinity(0, {int(core) for core in chosen.cores.split(",")})
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # a thousand streams and more
    account = account_for(chosen.command, chosen.within_s, chosen.term_after_s)
    chosen.account.write_text(json.dumps(asdict(account)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
