"""
The SQL of one cluster's page: what is asked there and how it fared, and what its engines say of themselves.

Parameters: provider, cluster, a, b (ms), of targets f and h as well (ms; see cover.py), of engines limit. Re-probes
and real traffic are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collector.storage.cover import BEYOND_HOURS, IN_HOURS
from collector.storage.rollup import BUCKETS, FACTS, OUTCOMES, ROLLED_OUTCOMES
from collector.storage.series_queries import PLACE

ENGINE_ROWS_MAX = 200

TARGETS = f"""
SELECT target, kind, module, argMax(last_model, newest), argMax(last_path, newest), sum(ok), sum(degraded), sum(failed),
       sum(unknown), sum(unseen), max(newest)
FROM
(
  SELECT target, kind, module, argMax(model, last_tick) AS last_model, argMax(access_path, last_tick) AS last_path,
         {ROLLED_OUTCOMES}, max(last_tick) AS newest
  FROM {{database}}.target_hour FINAL WHERE {PLACE} AND {IN_HOURS}
  GROUP BY target, kind, module
  UNION ALL
  SELECT target, kind, module, argMax(model, tick) AS last_model, argMax(access_path, tick) AS last_path,
         {OUTCOMES}, max(tick) AS newest
  FROM {FACTS}
    AND {BEYOND_HOURS} AND {PLACE} AND attempt = 0 AND source = 'active'
  GROUP BY target, kind, module
)
GROUP BY target, kind, module ORDER BY target, kind, module"""

# Of closed hours.
ENGINE = f"""
SELECT target, name, argMax(last, t), min(low), max(high), sum(total) / sum(n), sum(n), max(t) + INTERVAL 1 HOUR
FROM {{database}}.engine_metrics FINAL
WHERE {PLACE} AND {BUCKETS}
GROUP BY target, name ORDER BY target, name LIMIT {{limit:UInt32}}"""


@dataclass(frozen=True, slots=True)
class TargetLine:
    """
    How one target answered one module.

    failed: the provider's fault. unknown: failed, but the caller's fault or nobody knows whose. not_observed: ours.
    """

    target: str
    kind: str
    module: str
    model: str
    access_path: str
    ok: int
    degraded: int
    failed: int
    unknown: int
    not_observed: int
    last_tick: datetime

    @property
    def known(self) -> int:
        """Good or bad, not unknown."""
        return self.ok + self.degraded + self.failed

    @property
    def n(self) -> int:
        """Every tick."""
        return self.known + self.unknown + self.not_observed


@dataclass(frozen=True, slots=True)
class EngineLine:
    """One figure that a target's engine told, over the closed hours until *until*; n readings."""

    target: str
    name: str
    last: float
    low: float
    high: float
    mean: float
    n: int
    until: datetime


def target_of(row: Sequence[Any]) -> TargetLine:
    """One row of TARGETS."""
    return TargetLine(*row)


def engine_of(row: Sequence[Any]) -> EngineLine:
    """One row of ENGINE."""
    return EngineLine(*row)
