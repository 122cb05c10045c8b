"""What a rollup is that is read back as it was made: a table, and the query whose answer are its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from collector.storage.fact_queries import UNKNOWN

FACTS = """{database}.observations
WHERE tick >= fromUnixTimestamp64Milli({a:Int64}) AND tick < fromUnixTimestamp64Milli({b:Int64})"""
FAILED = f"(outcome = 'failed' AND reason NOT IN {UNKNOWN})"  # by the provider's fault
OUTCOMES = f"""countIf(outcome = 'ok') AS ok, countIf(outcome = 'degraded') AS degraded, countIf({FAILED}) AS failed,
       countIf(outcome = 'failed' AND reason IN {UNKNOWN}) AS unknown, countIf(outcome = 'not_observed') AS unseen"""
ROLLED_OUTCOMES = """sum(n_ok) AS ok, sum(n_degraded) AS degraded, sum(n_failed) AS failed, sum(n_unknown) AS unknown,
       sum(n_not_observed) AS unseen"""
N_OUTCOMES = ("n_ok", "n_degraded", "n_failed", "n_unknown", "n_not_observed")  # the columns of OUTCOMES


def between(low: str, high: str) -> str:
    """The buckets of a rollup from the border *low* to the border *high*, names of parameters (ms)."""
    return f"t >= fromUnixTimestamp64Milli({{{low}:Int64}}) AND t < fromUnixTimestamp64Milli({{{high}:Int64}})"


BUCKETS = between("a", "b")


@dataclass(frozen=True, slots=True)
class Rollup:
    """The *table* whose rows, by *keys*, are what *facts* selects: the bucket t, the keys, and *columns*."""

    table: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    facts: str

    @property
    def sql(self) -> str:
        """The statement that recomputes it."""
        names = ", ".join(("t", *self.keys, *self.columns))
        return f"INSERT INTO {{database}}.{self.table} ({names}, ver)\nSELECT *, now64(6) FROM ({self.facts})"


def digest_of(statements: Iterable[str]) -> str:
    """What names the mark of rollups: those that other *statements* made are not taken for ours."""
    return hashlib.sha256("".join(statements).encode()).hexdigest()[:12]
