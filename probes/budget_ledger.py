"""What has been drawn of each provider's budget, day by day: one small SQLite file that all workers share."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

from probes.budget import NOTHING, Cost, granted, refusal
from schemas.errors import BudgetError
from schemas.fleet import Budget

PARTS = 16  # of what is left, at most one such part is drawn at once, so that the last of it is shared evenly
DAYS_KEPT = 40

_SCHEMA = """
CREATE TABLE IF NOT EXISTS drawn (day TEXT NOT NULL, provider TEXT NOT NULL, requests INTEGER NOT NULL,
  tokens INTEGER NOT NULL, money TEXT NOT NULL, PRIMARY KEY (day, provider)) WITHOUT ROWID;
"""


class BudgetLedger:
    """One open ledger; use it from one thread at a time. Raises BudgetError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise BudgetError(f"{path}: cannot be opened as a ledger of budgets: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def draw(self, day: date, provider: str, budget: Budget, need: Cost, want: Cost, debt: Cost) -> Cost | str:
        """
        Take *need* at least, *want* at most, of what is left of that day, on disk at once; or say why not.

        *debt* is what was found to have been spent beyond an earlier draw; it is counted in any case.
        """
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                drawn = self._drawn(day, provider) + debt
                why = refusal(budget, drawn, need)
                grant = NOTHING if why else granted(budget, drawn, need, want, PARTS)
                if grant + debt != NOTHING:
                    self._write(day, provider, drawn + grant)
                return why or grant
        except sqlite3.Error as error:
            raise BudgetError(f"{self._path}: cannot be written: {error}") from error

    def add(self, day: date, provider: str, more: Cost) -> None:
        """Count *more* as drawn, or less (what was not needed), whatever the limit."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._write(day, provider, (self._drawn(day, provider) + more).most(NOTHING))
        except sqlite3.Error as error:
            raise BudgetError(f"{self._path}: cannot be written: {error}") from error

    def drawn(self, day: date, provider: str) -> Cost:
        """What has been drawn of that day."""
        try:
            return self._drawn(day, provider)
        except sqlite3.Error as error:
            raise BudgetError(f"{self._path}: cannot be read: {error}") from error

    def _drawn(self, day: date, provider: str) -> Cost:
        row = self._db.execute(
            "SELECT requests, tokens, money FROM drawn WHERE day = ? AND provider = ?", (day.isoformat(), provider)
        ).fetchone()
        return NOTHING if row is None else Cost(row[0], row[1], Decimal(row[2]))

    def _write(self, day: date, provider: str, cost: Cost) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO drawn VALUES (?, ?, ?, ?, ?)",
            (day.isoformat(), provider, cost.requests, cost.tokens, str(cost.money)),
        )
        self._db.execute("DELETE FROM drawn WHERE day < date(?, ?)", (day.isoformat(), f"-{DAYS_KEPT} days"))
