"""Capacity as JSON and CSV: shares from 0 to 1, requests, GPUs, days; ISO 8601 UTC; what is unknown is null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from collector.exports.csv_table import table
from collector.judgement.capacity.facts import PageFacts, Spread
from collector.judgement.capacity.failover import Failover
from collector.judgement.capacity.gpu_ledger import GpuLedger
from collector.judgement.capacity.headroom import Headroom
from collector.judgement.capacity.insufficient import Insufficient
from collector.judgement.capacity.refusals import Refused
from collector.judgement.capacity.report import CapacityReport, ClusterCapacity, EngineCapacity
from collector.judgement.capacity.saturation import Saturation
from collector.judgement.plain_values import plain as plain_value

NO_PAGE = Insufficient("no page is looked at")
NO_ENGINE = EngineCapacity("", PageFacts(target=""), {}, NO_PAGE, NO_PAGE)
SPREADS = (
    ("kv_cache_share", "kv"), ("running", "running"), ("waiting", "waiting"), ("load", "load"),
    ("gpu_util_share", "gpu_util"),
)  # fmt: skip


def plain(report: CapacityReport) -> dict[str, Any]:
    """*report* as JSON has it."""
    document: dict[str, Any] = plain_value(
        {
            "start": report.start,
            "at": report.at,
            "confidence": report.confidence,
            "clusters": [_cluster(one) for one in report.clusters],
            "providers": [
                {
                    "provider": one.provider,
                    "gpus": {"reserved": one.reserved, **_gpus(one.gpus)},
                    "clusters": one.clusters,
                    "clusters_measured": one.measured,
                    "failover": _failover(one.failover),
                }
                for one in report.providers
            ],
        }
    )
    return document


def as_csv(report: CapacityReport) -> str:
    """One line for each engine, and for each cluster without one; texts that a spreadsheet would run are harmless."""
    return table([_flat(row) for cluster in plain(report)["clusters"] for row in _lines(cluster)])


def _cluster(one: ClusterCapacity) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "cluster": one.cluster,
        "engines": [_engine(engine) for engine in one.engines],
        "gpus": _gpus(one.gpus),
        "rate_limited": _refused(one.rate_limited),
        "no_capacity": _refused(one.no_capacity),
        "failover": _failover(one.failover),
    }


def _engine(one: EngineCapacity) -> dict[str, Any]:
    page = one.page
    return {
        "target": page.target,
        "model": one.model,
        "looks": page.looks,
        "unknown_share": page.unknown_share,
        "first": page.first,
        "read_at": page.read_at,
        "now": {name: one.now.get(name) for name in ("kv_cache_share", "running", "waiting", "gpu_util_share")},
        **{name: _spread(getattr(page, field)) for name, field in SPREADS},
        "queueing_share": page.queueing_share,
        "headroom": _headroom(one.headroom),
        "saturation": _saturation(one.saturation),
    }


def _spread(one: Spread) -> dict[str, Any]:
    return {"n": one.n, "median": one.median, "p95": one.p95}


def _headroom(one: Headroom | Insufficient) -> dict[str, Any]:
    found = None if isinstance(one, Insufficient) else one
    return {
        "requests": found.typical if found else None,
        "requests_low": found.low if found else None,
        "seats": found.seats.typical if found else None,
        "seats_low": found.seats.low if found else None,
        "bound": found.seats.bound if found else None,
        **_basis(one, found.seats.n if found else 0),
    }


def _saturation(one: Saturation | Insufficient) -> dict[str, Any]:
    found = None if isinstance(one, Insufficient) else one
    return {
        "course": found.course.value if found else None,
        "days": found.days if found else None,
        "not_before_days": found.not_before if found else None,
        "level": found.level if found else None,
        "slope_per_day": found.slope if found else None,
        "slope_low": found.low if found else None,
        "slope_high": found.high if found else None,
        **_basis(one, found.n if found else 0),
    }


def _basis(one: object, n: int) -> dict[str, Any]:
    """How many looks or days it stands on, or why it cannot be said."""
    if isinstance(one, Insufficient):
        return {"n": one.n, "insufficient": one.reason}
    return {"n": n, "insufficient": None}


def _gpus(one: GpuLedger) -> dict[str, Any]:
    return asdict(one)


def _refused(one: Refused | None) -> dict[str, Any]:
    return asdict(one) if one else {"share": None, "low": None, "high": None, "n": 0, "unknown": 0}


def _failover(one: Failover) -> dict[str, Any]:
    return {
        "share": one.share,
        "load": one.load,
        "placed": one.placed,
        "unmeasured": list(one.unmeasured),
        "unknown_hosts": one.unknown_hosts,
        "models": [asdict(model) for model in one.models],
    }


def _lines(cluster: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The engines of a cluster, each with what is of the whole cluster beside it."""
    place = {"provider": cluster["provider"], "cluster": cluster["cluster"]}
    beside = {name: cluster[name] for name in ("gpus", "rate_limited", "no_capacity")}
    lost = {f"failover_{name}": cluster["failover"][name] for name in ("share", "load", "placed", "unknown_hosts")}
    for engine in cluster["engines"] or [_engine(NO_ENGINE)]:
        yield {**place, **engine, **beside, **lost}


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested figures side by side: `kv_cache_share_p95`."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found |= _flat(value, f"{name}_")
        else:
            found[name] = " ".join(value) if isinstance(value, list) else value
    return found
