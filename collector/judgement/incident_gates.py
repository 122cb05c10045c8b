"""
The gates of incidents: how often a cluster has one, by the upper bound of that rate, and how long the longest was.

They are there once incidents were looked out for as long as the tier's evidence asks: a past that nobody watched has
none, and is no better for it.
"""

from __future__ import annotations

from collector.judgement.charged_incidents import Toll
from collector.judgement.tier_gates import DAY_S, at_most
from schemas.config import GoldGates, ReliableGates
from schemas.verdict import Gate, Tier

A_CLUSTER = "a cluster in 30 d"


def incident_gates(tier: Tier, line: GoldGates | ReliableGates, toll: Toll | None) -> tuple[Gate, ...]:
    """The gates of gold or reliable; none without a measure."""
    if toll is None or toll.recorded.total_seconds() < line.evidence:
        return ()
    often, longest = toll.often, toll.longest
    return (
        at_most(
            "incidents", tier, often.high, line.incidents_max, unit=A_CLUSTER, n=often.n, low=often.low,
            high=often.high,
            note=f"upper bound; {often.wide} of the whole provider and {often.narrow} of one cluster in "
            f"{often.watched_s / DAY_S:.1f} cluster-days: {often.rate:.2g} a cluster in 30 d",
        ),
        at_most(
            "recovery", tier, longest.down_s if longest else 0.0, line.recovery_max, unit="s", n=often.n,
            note=(f"the longest of them, {longest.id} of {longest.scope}" if longest else "there was none")
            + "; without planned windows and our own blindness",
        ),
    )  # fmt: skip
