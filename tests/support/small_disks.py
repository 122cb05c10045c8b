"""Small file systems of a test's own, that can be filled and made read-only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Leave no room but so much."""
        with (self.folder / "ballast").open("wb") as file:
            try:
                while True:
                    file.write(bytes(64 * 1024))
                    file.flush()
            except OSError:
                pass
        size = (self.folder / "ballast").stat().st_size
        with (self.folder / "ballast").open("r+b") as file:
            file.truncate(max(0, size - leave_bytes))

    def free(self) -> None:
        """Take away what filled it."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def make(self, mode: str) -> None:
        """`ro` or `rw`."""
        _run("mount", "-o", f"remount,{mode}", str(self.folder))


@contextmanager
def small_disk(folder: Path, *, mib: int) -> Iterator[SmallDisk]:
    """A tmpfs of *mib* MiB at *folder*; skips the test, with the reason, where none may be mounted."""
    folder.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder))
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"no file system can be mounted here: {getattr(error, 'stderr', error)}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
