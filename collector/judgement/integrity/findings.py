"""Evidence about one provider by check: the worst of its targets, how many say the same, and what the others say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from collector.judgement.integrity.period import period_start
from collector.judgement.integrity.suspicion import Suspicion
from schemas.evidence import Evidence, Standing

_ORDER = tuple(Standing)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of every target that it looked at: *evidence* of at least one, the worst first."""

    evidence: tuple[Evidence, ...]

    @property
    def worst(self) -> Evidence:
        """What speaks most against the claim."""
        return self.evidence[0]

    @property
    def same(self) -> int:
        """How many targets stand as the worst does for the same reason, itself included."""
        worst = self.worst
        return sum((one.standing, one.reason) == (worst.standing, worst.reason) for one in self.evidence)

    @property
    def counts(self) -> Mapping[Standing, int]:
        """How many targets stand how, the worst first; none is left out."""
        counts = {standing: sum(one.standing is standing for one in self.evidence) for standing in _ORDER}
        return {standing: n for standing, n in counts.items() if n}


@dataclass(frozen=True, slots=True)
class Examination:
    """What the evidence of [since, at) about one provider came to."""

    at: datetime
    suspicion: Suspicion

    @property
    def since(self) -> datetime:
        """The first instant of the period that the evidence is of."""
        return period_start(self.at)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """By check, the worst first."""
        return findings(self.suspicion.evidence)

    @property
    def parted(self) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Findings that say something, and those that have too little data to."""
        found = self.findings
        told = sum(one.worst.standing is not Standing.INSUFFICIENT for one in found)
        return found[:told], found[told:]


def ranked(evidence: Iterable[Evidence]) -> list[Evidence]:
    """What contradicts first, what has no data last; where both stand alike, the more surprising first."""
    return sorted(evidence, key=lambda one: (_ORDER.index(one.standing), -one.e, one.check, one.subject))


def findings(evidence: Iterable[Evidence]) -> tuple[Finding, ...]:
    """One finding for each check, in the order of what is worst in it."""
    by_check: dict[str, list[Evidence]] = {}
    for one in ranked(evidence):
        by_check.setdefault(one.check, []).append(one)
    return tuple(Finding(tuple(several)) for several in by_check.values())
