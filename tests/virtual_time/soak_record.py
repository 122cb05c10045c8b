"""What came of a seed, as a line of a file in `bench/results`: with how long it took and of which state of the code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "bench" / "results"


def record(name: str, figures: Mapping[str, Any], took_s: float) -> None:
    """Add a line to the file *name*."""
    version = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=RESULTS, capture_output=True, text=True, check=False
    ).stdout.strip()
    ended_at = datetime.now(UTC).isoformat(timespec="seconds")
    with (RESULTS / name).open("a") as file:
        file.write(json.dumps({**figures, "took_s": round(took_s), "version": version, "ended_at": ended_at}) + "\n")
