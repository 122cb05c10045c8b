"""
Coverage-guided fuzzing of every reader of streams: `make fuzz` (SECONDS=60).

The first byte chooses the dialect, the second how the body ended. A finding is kept in .bench/fuzz and ends the run.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["probes"]):
    from tests.fuzz.streams import DIALECTS, ENDINGS, check

KINDS = tuple(DIALECTS)


def one(data: bytes) -> None:
    """Read *data* as its first two bytes say."""
    if len(data) > 2:
        check(KINDS[data[0] % len(KINDS)], data[2:], ENDINGS[data[1] % len(ENDINGS)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
