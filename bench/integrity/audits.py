"""The recorded prompt-caching audits (Apache-2.0, arXiv 2502.07776) through our own Kolmogorov-Smirnov test."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "data" / "audit-data.zip"  # beside the checkout
TEST = "collector.judgement.integrity.kolmogorov_smirnov"


def p_values(archive: Path = ARCHIVE) -> dict[str, tuple[float, float]] | str:
    """Audit to our p-value and the recorded one; or why there are none."""
    if not archive.exists():
        return f"no {archive.name}"
    if find_spec(TEST) is None:
        return "no Kolmogorov-Smirnov test of ours"
    smaller = import_module(TEST).smaller
    with ZipFile(archive) as zipped:
        audits = {name: json.loads(zipped.read(name)) for name in zipped.namelist() if name.endswith(".json")}
    return {
        name: (smaller(_times(audit["cache_hit"]), _times(audit["cache_miss"])).p, _recorded(audit))
        for name, audit in sorted(audits.items())
    }


def _times(rows: list[dict[str, Any]]) -> list[float]:
    return [row["client_time"] for row in rows]


def _recorded(audit: dict[str, Any]) -> float:
    return float(audit["stats"]["client_time"]["ks_2samp"]["pvalue"])
