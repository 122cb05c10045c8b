"""The folder of one `touchstone up`: made anew each time, held by one process, never anybody else's."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import TouchstoneError

MARK = ".made-by-touchstone-up"


@contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """An empty *folder*, held until the block ends; raises TouchstoneError when it is held already, or not ours."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TouchstoneError(f"{folder} is held by another `touchstone up`; stop it, or give --folder") from None
        _empty(folder)
        yield folder


def _empty(folder: Path) -> None:
    if folder.exists():
        if any(folder.iterdir()) and not (folder / MARK).exists():
            raise TouchstoneError(f"{folder} holds files that `touchstone up` did not make; give another --folder")
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / MARK).touch()
