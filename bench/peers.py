"""Peers in virtual environments of their own, under .bench/: made once, or absent with a reason."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1] / ".bench"
INSTALL_S_MAX = 1800.0
SAID_CHARS = 300


def ensure(name: str, requirements: Path, *, within: Path = BENCH) -> str | None:
    """Have .bench/NAME hold *requirements*; None when it does, else why not."""
    folder = within / name
    stamp, wanted = folder / ".installed", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return None
    within.mkdir(exist_ok=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "install", "--prefer-binary", "-r", str(requirements)],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{name} could not be installed: {error}"[:SAID_CHARS]
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            return f"{name} could not be installed: {said[-1] if said else done.returncode}"[:SAID_CHARS]
    stamp.write_text(wanted)
    return None


def version_in(name: str, distribution: str) -> str:
    """The version of *distribution* in .bench/NAME, `unknown` when it does not say."""
    ask = f"from importlib.metadata import version; print(version({distribution!r}))"
    python = str(BENCH / name / "bin" / "python")
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or "unknown"
