"""How large a store a configuration fills. Pure arithmetic on bytes per row as `make bench-store` measures them."""

from __future__ import annotations

from dataclasses import dataclass

from collector.judgement.capacity.holdings import KIND
from probes.subjects import subjects_of
from schemas.config import Configuration, Module

DAY_S = 86_400.0
# Bytes on disk after merges (`make bench-store`): of a row without tokens, and of the arrival of each token.
ROW_BYTES, TOKEN_BYTES = 40.0, 3.5
HOUR_BYTES, DAY_BYTES, ARRIVALS_BYTES = 160.0, 360.0, 37.0
CLUSTER_BYTES, CLUSTER_DAY_BYTES, TARGET_BYTES = 67.0, 243.0, 1.2
MODEL_BYTES, TIMES_BYTES, SIGHT_BYTES, TREATMENT_BYTES = 3.6, 100.0, 2.2, 15.0
TIMES_DAY_BYTES = 173.0
TREATMENT_ROWS = 3  # an hour and target, as measured: our prompts of two classes of length, and traffic
PAGE_BYTES = 390.0  # of an hour of looks every 30 s at a busy engine's page; of one every 10 minutes they are 45


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table: rows and bytes a day, and for how many days it is kept (None: for ever)."""

    table: str
    rows_day: float
    bytes_day: float
    days: int | None

    @property
    def bytes_kept(self) -> float:
        """What it comes to when the oldest rows begin to go; of a table that is kept for ever, in a year."""
        return self.bytes_day * (self.days or 365)


def store_plan(configuration: Configuration, *, vantages: int) -> tuple[TablePlan, ...]:
    """The tables that grow with every tick; *vantages* places probe everything. Bad minutes grow with failures only."""
    kept = configuration.settings.store.retention
    raw, rolled = int(kept.raw // DAY_S), int(kept.rollups // DAY_S)
    subjects = subjects_of(configuration.fleet, configuration.settings.modules)
    modules = [one.module for one in subjects]
    rows = sum(DAY_S / module.interval for module in modules) * vantages
    tokens = sum(DAY_S / module.interval * _tokens(module) for module in modules) * vantages
    series = sum(_connections(module) for module in modules) * vantages
    streams = sum(_connections(module) for module in modules if module.tokens_out) * vantages
    places = tuple(configuration.fleet.places())
    targets, models = len(places), len({(place.provider, place.target.model) for place in places})
    pages = len({one.place.id for one in subjects if one.module.kind == KIND})
    treated = 24.0 * targets * TREATMENT_ROWS
    sights = len(configuration.fleet.providers) * vantages
    of_clusters = {(one.place.cluster, one.module.kind, i) for one in subjects for i in range(_connections(one.module))}
    by_module = 24.0 * len(subjects)
    by_cluster = float(len(of_clusters))
    return (
        TablePlan("observations", rows, rows * ROW_BYTES + tokens * TOKEN_BYTES, raw),
        TablePlan("rollup_hour", 24.0 * series, 24 * series * HOUR_BYTES, rolled),
        TablePlan("cluster_hour", 24 * by_cluster, 24 * by_cluster * CLUSTER_BYTES, rolled),
        TablePlan("target_hour", by_module, by_module * TARGET_BYTES, rolled),
        TablePlan("token_arrivals", 24.0 * streams, 24 * streams * ARRIVALS_BYTES, rolled),
        TablePlan("model_hour", 24.0 * targets, 24 * targets * MODEL_BYTES, rolled),
        TablePlan("model_times", 24.0 * models, 24 * models * TIMES_BYTES, rolled),
        TablePlan("sights", 24.0 * sights, 24 * sights * SIGHT_BYTES, rolled),
        TablePlan("treatment_hour", treated, treated * TREATMENT_BYTES, rolled),
        TablePlan("capacity_hour", 24.0 * pages, 24 * pages * PAGE_BYTES, rolled),
        TablePlan("rollup_day", series, series * DAY_BYTES, None),
        TablePlan("cluster_day", by_cluster, by_cluster * CLUSTER_DAY_BYTES, None),
        TablePlan("model_times_day", float(models), models * TIMES_DAY_BYTES, None),
    )


def _tokens(module: Module) -> float:
    """Arrivals that one tick leaves at most; a burst keeps those of one stream."""
    return module.tokens_out or 0.0


def _connections(module: Module) -> int:
    return 2 if module.connection == "alternate" else 1
