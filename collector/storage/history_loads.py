"""Bulk loads of a simulated past: how far the latest one is."""

from __future__ import annotations

from dataclasses import dataclass

LATEST = "SELECT id, rows_done, rows_total, finished FROM {database}.history_loads FINAL ORDER BY at DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class HistoryProgress:
    """How far the bulk load of a simulated past is."""

    id: str
    rows_done: int
    rows_total: int
    finished: bool
