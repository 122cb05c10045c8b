"""Whether the files of the configuration have changed, by their times and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

Fingerprint = tuple[tuple[str, int, int], ...]  # path, mtime in ns, size

WATCH_S = 2.0
FILES_MAX = 2_000


def fingerprint(settings_file: Path, fleet: str) -> Fingerprint:
    """Of the settings and every fleet file that *fleet* leads to; a file that is not there is left out."""
    found = []
    for file in list(_files(settings_file, settings_file.parent / fleet))[:FILES_MAX]:
        try:
            stat = file.stat()
        except OSError:
            continue
        found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _files(settings_file: Path, fleet: Path) -> Iterator[Path]:
    yield settings_file
    if fleet.is_dir():
        yield from sorted(file for file in fleet.iterdir() if file.suffix in {".yaml", ".yml"})
    else:
        yield fleet
