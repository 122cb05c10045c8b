"""The capacity of every cluster of the configuration: how full, until when, delivered and healthy, and who helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.judgement.capacity.facts import CapacityFacts, PageFacts
from collector.judgement.capacity.failover import Engine, Failover, failovers
from collector.judgement.capacity.gpu_ledger import GpuLedger, of_page, together
from collector.judgement.capacity.headroom import Headroom, headroom
from collector.judgement.capacity.holdings import Holding, Holdings
from collector.judgement.capacity.insufficient import Insufficient
from collector.judgement.capacity.refusals import Refused, refused
from collector.judgement.capacity.saturation import Saturation, saturation


@dataclass(frozen=True, slots=True)
class EngineCapacity:
    """The engine behind one page, which serves *model*; *now* are figures of now, empty when nobody knows them."""

    model: str
    page: PageFacts
    now: Mapping[str, float]
    headroom: Headroom | Insufficient
    saturation: Saturation | Insufficient


@dataclass(frozen=True, slots=True)
class ClusterCapacity:
    """One cluster; *engines* is empty when no page of it is looked at."""

    cluster: str
    engines: tuple[EngineCapacity, ...]
    gpus: GpuLedger
    rate_limited: Refused | None
    no_capacity: Refused | None
    failover: Failover

    @property
    def provider(self) -> str:
        """Whose it is."""
        return self.cluster.partition("/")[0]


@dataclass(frozen=True, slots=True)
class ProviderCapacity:
    """A provider: GPUs *reserved* by contract, those of its *measured* clusters together, and what if it dies."""

    provider: str
    reserved: int | None
    gpus: GpuLedger
    measured: int
    clusters: int
    failover: Failover


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """The window [start, at), as known at *at*; intervals at *confidence*."""

    start: datetime
    at: datetime
    confidence: float
    clusters: tuple[ClusterCapacity, ...]
    providers: tuple[ProviderCapacity, ...]

    def of(self, provider: str) -> CapacityReport:
        """What is of *provider*; all of it for ''."""
        if not provider:
            return self
        return CapacityReport(
            self.start,
            self.at,
            self.confidence,
            tuple(one for one in self.clusters if one.provider == provider),
            tuple(one for one in self.providers if one.provider == provider),
        )


def report(held: Holdings, facts: CapacityFacts, start: datetime, at: datetime, *, confidence: float) -> CapacityReport:
    """The capacity of everything *held*; targets that are in the configuration no more are left out."""
    engines = {cluster: tuple(_engines(holding, facts, at, confidence)) for cluster, holding in held.clusters.items()}
    known = [_as_host(one) for several in engines.values() for one in several]
    ledgers = {cluster: _gpus(holding, facts, at) for cluster, holding in held.clusters.items()}
    providers = sorted({cluster.partition("/")[0] for cluster in held.clusters})
    lost = {one.lost: one for one in failovers(known, (*held.clusters, *providers))}
    return CapacityReport(
        start,
        at,
        confidence,
        tuple(
            ClusterCapacity(
                cluster=cluster,
                engines=engines[cluster],
                gpus=ledgers[cluster],
                rate_limited=refused(facts.rate_limited.get(cluster, ()), confidence=confidence),
                no_capacity=refused(facts.no_capacity.get(cluster, ()), confidence=confidence),
                failover=lost[cluster],
            )
            for cluster in held.clusters
        ),
        tuple(_provider(provider, held, ledgers, lost[provider], at) for provider in providers),
    )


def _engines(holding: Holding, facts: CapacityFacts, at: datetime, confidence: float) -> list[EngineCapacity]:
    pages = ((facts.pages.get(target, PageFacts(target=target)), model) for target, model in holding.pages.items())
    return [
        EngineCapacity(
            model,
            page,
            page.now(at),
            headroom(page),
            saturation(page.days, at.date(), confidence=confidence),
        )
        for page, model in pages
        if page.is_engine
    ]


def _as_host(one: EngineCapacity) -> Engine:
    """What it can take: nothing that is known, while its page cannot be read."""
    found = one.headroom if isinstance(one.headroom, Headroom) and one.now else None
    return Engine(one.page.target, one.model, one.page.load.p95, found.typical if found else None)


def _gpus(holding: Holding, facts: CapacityFacts, at: datetime) -> GpuLedger:
    """Of every page that tells GPUs; nothing is known of all of them while one of these cannot be read."""
    told = [page for target in holding.pages if (page := facts.pages.get(target)) is not None and page.gpu_looks]
    now = [page.now(at) for page in told]
    if not all("gpus" in figures for figures in now):
        return GpuLedger(claimed=holding.claimed)
    return together([of_page(figures) for figures in now], holding.claimed)


def _provider(
    provider: str, held: Holdings, ledgers: Mapping[str, GpuLedger], failover: Failover, at: datetime
) -> ProviderCapacity:
    mine = [ledger for cluster, ledger in ledgers.items() if cluster.partition("/")[0] == provider]
    measured = [ledger for ledger in mine if ledger.delivered is not None]
    return ProviderCapacity(
        provider=provider,
        reserved=held.reserved(provider, at.date()),
        gpus=together(measured, _claimed(mine)),
        measured=len(measured),
        clusters=len(mine),
        failover=failover,
    )


def _claimed(ledgers: Sequence[GpuLedger]) -> int | None:
    """What all clusters claim together; None when one of them does not say."""
    claims = [one.claimed for one in ledgers if one.claimed is not None]
    return sum(claims) if len(claims) == len(ledgers) else None
