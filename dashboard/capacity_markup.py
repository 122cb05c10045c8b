"""Capacity as HTML. Names come from outside: all go through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.judgement.capacity import words
from collector.judgement.capacity.facts import Spread
from collector.judgement.capacity.failover import Failover
from collector.judgement.capacity.gpu_ledger import GpuLedger
from collector.judgement.capacity.headroom import FULL
from collector.judgement.capacity.insufficient import Insufficient
from collector.judgement.capacity.report import CapacityReport, ClusterCapacity, EngineCapacity, ProviderCapacity
from collector.judgement.capacity.saturation import Course, Saturation
from collector.judgement.wording import count
from dashboard import markup
from dashboard.markup import text

CLUSTERS = (
    "Cluster", "KV cache", "Running", "Queueing", "GPU use", "Headroom at the peak", "Full", "If it dies",
    "Refused: 429, no capacity",
)  # fmt: skip
GPUS = ("GPUs of", "Reserved", "Claimed", "On the pages", "Healthy", "In use", "If all of it dies")
HOSTS_SHOWN = 1
_DASH = '<span class="ts-dim">-</span>'
_LOOK = {"▲": "severe", "◆": "minor", "●": "good", "?": "unknown"}


def summary(found: CapacityReport) -> str:
    """How many engines are full, growing and unknown, and the failure that hurts most."""
    engines = [engine for cluster in found.clusters for engine in cluster.engines]
    peaks = [engine.page.kv.p95 for engine in engines]
    full = sum(1 for p95 in peaks if p95 is not None and p95 >= FULL)
    growing = sum(1 for one in engines if _grows(one.saturation))
    unknown = sum(1 for p95 in peaks if p95 is None) + sum(not cluster.engines for cluster in found.clusters)
    lead = f"<b>{full} of {len(engines)} engines are full at their peak</b>, {growing} grow towards it"
    doubt = f", of {unknown} clusters or engines nobody can say" if unknown else ""
    return f'<div class="ts-note-box">{lead}{doubt}. {text(_worst(found))}</div>'


def clusters(found: Iterable[ClusterCapacity]) -> str:
    """One row for each engine, and for each cluster without a page; the fullest first."""
    rows = [(engine, cluster) for cluster in found for engine in cluster.engines or (None,)]
    rows.sort(key=lambda row: (-(row[0].page.kv.p95 or 0.0) if row[0] else 0.0, row[1].cluster))
    return markup.table(CLUSTERS, (_row(cluster, engine) for engine, cluster in rows), "ts-capacity")


def gpus(providers: Iterable[ProviderCapacity], of_one: Sequence[ClusterCapacity]) -> str:
    """A row for each provider; *of_one*, the clusters of the one that is shown, each with a row of its own."""
    rows = [
        _gpu_row(
            f"<b>{text(one.provider)}</b><small>{one.measured} of {one.clusters} clusters read</small>",
            text(words.gpus(one.reserved)),
            one.gpus,
            _lost(one.failover),
        )
        for one in providers
    ]
    rows += [_gpu_row(text(one.cluster), _DASH, one.gpus, _DASH) for one in of_one]
    return markup.table(GPUS, rows, "ts-gpus")


def bar(one: Spread) -> str:
    """A share: filled up to its median, a mark at its 95th percentile; the numbers stand beside it."""
    look = _LOOK[words.sign(one.p95)]
    if one.median is None:
        return '<div class="ts-fill ts-unknown" role="img" aria-label="unknown"></div>'
    mark = f'<b style="left:{_width(one.p95)}"></b>' if one.p95 is not None else ""
    label = text(f"median and 95th percentile {words.spread(one, is_share=True)}")
    return (
        f'<div class="ts-fill ts-{look}" role="img" aria-label="{label}"><i style="width:{_width(one.median)}"></i>'
        f"{mark}</div>"
    )


def _width(share: float) -> str:
    return f"{min(1.0, max(0.0, share)) * 100:.1f}%"


def _row(cluster: ClusterCapacity, engine: EngineCapacity | None) -> str:
    name = f"<b>{text(cluster.cluster)}</b>"
    lost = _lost(cluster.failover)
    refused = _refused(cluster)
    if engine is None:
        cells = (f"{name}<small>no page is looked at</small>", bar(Spread()), *("unknown",) * 5, lost, refused)
        return markup.raw_row(cells)
    page, now = engine.page, engine.now
    look = _LOOK[words.sign(page.kv.p95)]
    full = "severe" if isinstance(engine.saturation, Saturation) and engine.saturation.course is Course.FULL else ""
    return markup.raw_row(
        (
            f"{name}<small>{text(engine.model)}, {text(words.share(page.unknown_share))} of {count(page.looks)} looks "
            "unknown</small>",
            f'{bar(page.kv)}<b class="ts-result ts-{look}">{text(words.sign(page.kv.p95))} '
            f"{text(words.spread(page.kv, is_share=True))}</b>"
            f"<small>{_now(now.get('kv_cache_share'), is_share=True)}, {_n(page.kv.n)}</small>",
            f"{text(words.spread(page.running))}<small>{_now(now.get('running'))}, {_n(page.running.n)}</small>",
            f"{text(words.share(page.queueing_share))}<small>{_now(now.get('waiting'))}, {_n(page.waiting.n)}</small>",
            f"{text(words.spread(page.gpu_util, is_share=True))}"
            f"<small>{_now(now.get('gpu_util_share'), is_share=True)}, {_n(page.gpu_util.n)}</small>",
            _headroom(engine),
            f'<span title="{text(words.slope(engine.saturation))}" class="{f"ts-result ts-{full}" if full else ""}">'
            f"{text(words.full_in(engine.saturation))}</span>"
            f"<small>{text(words.not_before(engine.saturation))}, {text(words.days(engine.saturation))}</small>",
            lost,
            refused,
        )
    )


def _headroom(engine: EngineCapacity) -> str:
    """Requests that fit, and what that stands on; or why nobody can say."""
    found = engine.headroom
    basis = f"{words.seats(found)} {words.bound(found)}".strip()
    return f"{text(words.room(found))}<small>{text(basis)}, {text(words.looks(found))}</small>"


def _gpu_row(name: str, reserved: str, one: GpuLedger, lost: str) -> str:
    absent = f"<small>not told: {text(', '.join(one.absent))}</small>" if one.absent else ""
    return markup.raw_row(
        (
            name,
            reserved,
            text(words.gpus(one.claimed)),
            text(words.gpus(one.delivered)),
            f"{text(words.healthy(one))}{absent}",
            text(words.in_use(one)),
            lost,
        )
    )


def _lost(one: Failover) -> str:
    """What share of its load finds a place, and where most of it."""
    look = "unknown" if one.share is None else "good" if one.share >= 1 else "severe"
    said = f'<b class="ts-result ts-{look}">{text(words.finds_place(one))}</b>'
    if one.unmeasured:
        return f"{said}<small>its load is not known</small>"
    if not one.models:
        return f"{said}<small>no page is looked at</small>"
    placed = f"{count(round(one.placed))} of {count(round(one.load))} requests"
    hosts = [host for model in one.models for host in model.hosts if host.placed > 0]
    places = [f"{host.target.rpartition('/')[0]} {count(round(host.placed))}" for host in hosts]
    where = ", ".join(places[:HOSTS_SHOWN])
    more = f" and {len(hosts) - HOSTS_SHOWN} more" if len(hosts) > HOSTS_SHOWN else ""
    unknown = f"; of {one.unknown_hosts} others nobody can say" if one.unknown_hosts else ""
    return (
        f'{said}<small title="{text(", ".join(places))}">{text(placed)}</small>'
        f"<small>{text(where + more + unknown)}</small>"
    )


def _refused(one: ClusterCapacity) -> str:
    """Both shares are of the same requests."""
    shares = "<br>".join(text(words.refused(share)) for share in (one.rate_limited, one.no_capacity))
    return f"{shares}<small>{_n(one.rate_limited.n if one.rate_limited else 0)}</small>"


def _now(value: float | None, *, is_share: bool = False) -> str:
    return f"now {text(words.now_of(value, is_share=is_share))}"


def _n(n: int) -> str:
    return f"n {text(count(n))}"


def _grows(one: Saturation | Insufficient) -> bool:
    return isinstance(one, Saturation) and one.course is Course.GROWING


def _worst(found: CapacityReport) -> str:
    """The failure of one cluster, and of one provider, that leaves most requests without a place."""
    said = []
    for what, several in (("cluster", found.clusters), ("provider", found.providers)):
        known = [one.failover for one in several if one.failover.share is not None]
        if known and all(one.share == 1 for one in known):
            said.append(f"Whichever {what} dies, all of its load finds a place.")
        elif known:
            worst = min(known, key=lambda one: (one.share or 0.0, -one.load, one.lost))
            said.append(f"If {what} {worst.lost} dies, {words.share(worst.share)} of its load finds a place.")
    return " ".join(said) or "Nobody can say who would take whose load."
