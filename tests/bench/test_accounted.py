"""What a command costs, with everything that it starts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from bench.accounted import Account, start_accounted

BURN = "import time; t = time.process_time()\nwhile time.process_time() < t + 0.3: pass"
ORPHAN = f"""
import os, sys, subprocess
subprocess.Popen([sys.executable, "-c", {BURN!r}])
os._exit(0)  # its child is left behind, working
"""

PARENT_AND_CHILD_THAT_STAY = """
import os, time
if os.fork() == 0:
    open("pid", "w").write(str(os.getpid()))
time.sleep(60)
"""


def account_of(folder: Path, code: str, **limits: float) -> Account:
    """What a Python program costs on the last core."""
    core = sorted(os.sched_getaffinity(0))[-1]
    settings = {"within_s": 20.0} | limits
    return start_accounted([sys.executable, "-c", code], cores={core}, folder=folder, **settings).wait()  # type: ignore[arg-type]


def test_the_cpu_of_a_command_is_counted(tmp_path: Path) -> None:
    """0.3 s and the interpreter's start."""
    account = account_of(tmp_path, BURN)

    assert account.code == 0
    assert 0.3 <= account.cpu_s < 2


def test_the_cpu_of_a_child_that_outlives_its_parent_is_counted_too(tmp_path: Path) -> None:
    """A tool may leave workers behind."""
    assert account_of(tmp_path, ORPHAN).cpu_s >= 0.3


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    """No exit status, and no process left."""
    account = account_of(tmp_path, PARENT_AND_CHILD_THAT_STAY, within_s=1.0)

    assert account.code is None
    assert account.wall_s < 10
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_a_command_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    """SIGTERM, at the time that the account says."""
    account = account_of(tmp_path, "import time; time.sleep(60)", term_after_s=0.5)

    assert account.code == -signal.SIGTERM
    assert account.term_s is not None
    assert 0.4 < account.term_s - account.start_s < 3


def test_it_runs_on_the_core_it_is_given(tmp_path: Path) -> None:
    """And only there."""
    account_of(tmp_path, "import os; print(os.sched_getaffinity(0))")

    assert f"{{{sorted(os.sched_getaffinity(0))[-1]}}}" == (tmp_path / "out.log").read_text().strip()
