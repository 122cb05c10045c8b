"""
Markets that were judged already, kept so that a run that was stopped goes on: one JSON line each, as they end.

What is kept holds for one rule, one step of time and one state of the code that says what is judged, and how: the
name of the file has a digest of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from bench.truth.trial import Judged

ROOT = Path(__file__).resolve().parents[2]
DECIDING = ("bench/truth/trial.py", "bench/truth/fold.py", "bench/truth/market.py", "collector/judgement", "simulator")
DIGEST_CHARS = 12
_MARKET = TypeAdapter(tuple[Judged, ...])


def file_of(folder: Path, step_s: int) -> Path:
    """Where in *folder* the markets are kept that the code of now judges every *step_s* seconds."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return folder / f"judged-{step_s}s-{digest.hexdigest()[:DIGEST_CHARS]}.jsonl"


def read(file: Path) -> dict[int, tuple[Judged, ...]]:
    """The markets in *file*, by number; a last line that was cut off is taken away."""
    if not file.exists():
        return {}
    whole, _, cut = file.read_bytes().rpartition(b"\n")
    if cut:
        file.write_bytes(whole + b"\n" if whole else b"")
    markets = [_MARKET.validate_json(line) for line in whole.splitlines()]
    return {market[0].market: market for market in markets}


def add(file: Path, market: tuple[Judged, ...]) -> None:
    """Keep one more *market* in *file*, which was read before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as kept:
        kept.write(_MARKET.dump_json(market) + b"\n")


def _sources() -> Iterator[Path]:
    for name in DECIDING:
        path = ROOT / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]
