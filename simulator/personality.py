"""How a simulated cloud behaves, and the tier that such behaviour deserves. Shares are of requests or of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from schemas.verdict import Tier
from simulator.deviation import HONEST, Deviation

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True)
class Peak:
    """Hours of the UTC day [from_hour, to_hour) in which requests are turned away with 429 or 503."""

    from_hour: int
    to_hour: int
    refused_share: float
    rate_limited_share: float = 0.9  # of those refused; the others get 503

    def covers(self, at: datetime) -> bool:
        """Whether *at* (UTC) is in the peak."""
        return self.from_hour <= at.hour < self.to_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """
    One way to behave. *truth* is the tier it deserves.

    Outages take *down_share* of the time and last between the two *outage_s*, evenly in the logarithm;
    *wide_share* of them take the whole provider down, the others one cluster. *single_share* of requests fail alone.
    What is no probe (its prompt has no nonce) waits *traffic_ttft* times as long for its first token, and
    *traffic_failed_share* more of it fails. *deviation* is what only the integrity checks can find out.
    """

    name: str
    truth: Tier
    ttft_ms: float  # median
    gap_ms: float = 4.0
    down_share: float
    outage_s: tuple[float, float]
    wide_share: float = 0.05
    single_share: float
    slow_share: float
    wrong_share: float = 0.0
    truncated_share: float = 0.0
    billed_per_word: float = 1.0
    canned: bool = False
    peak: Peak | None = None
    traffic_ttft: float = 1.0
    traffic_failed_share: float = 0.0
    deviation: Deviation = HONEST

    @property
    def probes_treated_better(self) -> bool:
        """Whether it has two faces."""
        return self.traffic_ttft > 1.0 or self.traffic_failed_share > 0.0

    def towards_traffic(self) -> Personality:
        """The face that everybody sees who is no probe."""
        if not self.probes_treated_better:
            return self
        single_share = self.single_share + self.traffic_failed_share
        return replace(self, ttft_ms=self.ttft_ms * self.traffic_ttft, single_share=single_share)


def _gold(ttft_ms: float) -> Personality:
    return Personality(
        name="gold", truth=Tier.GOLD, ttft_ms=ttft_ms, down_share=0.0001, outage_s=(2 * MINUTE_S, 5 * MINUTE_S),
        wide_share=0.0, single_share=0.00005, slow_share=0.001,
    )  # fmt: skip


def _reliable(down_share: float, ttft_ms: float) -> Personality:
    return Personality(
        name="reliable", truth=Tier.RELIABLE, ttft_ms=ttft_ms, down_share=down_share,
        outage_s=(2 * MINUTE_S, 10 * MINUTE_S), single_share=0.0004, slow_share=0.006,
    )  # fmt: skip


def _two_faced(plain: Personality) -> Personality:
    """*plain* towards probes, and worse towards everybody else; a tier sees probes only."""
    return replace(plain, name="two_faced", traffic_ttft=1.5, traffic_failed_share=0.03)


def _flaky(down_share: float, ttft_ms: float, outage_s: tuple[float, float]) -> Personality:
    return Personality(
        name="flaky", truth=Tier.SUSPECT, ttft_ms=ttft_ms, down_share=down_share, outage_s=outage_s,
        wide_share=0.15, single_share=0.002, slow_share=0.01,
    )  # fmt: skip


def _decent(name: str, ttft_ms: float, **defect: object) -> Personality:
    """Good availability, and one defect."""
    common = {
        "name": name, "truth": Tier.SUSPECT, "ttft_ms": ttft_ms, "down_share": 0.0010,
        "outage_s": (2 * MINUTE_S, 8 * MINUTE_S), "single_share": 0.0004, "slow_share": 0.006,
    }  # fmt: skip
    return Personality(**common | defect)  # type: ignore[arg-type]


# Three gold, nine reliable (one of them two-faced), six suspect: the picture of the market in docs and design.
PERSONALITIES: tuple[Personality, ...] = (
    _gold(60.0),
    _gold(68.0),
    _gold(76.0),
    *(_reliable(0.0016 + 0.0001 * step, 85.0 + 7.0 * step) for step in range(2)),
    _two_faced(_reliable(0.0018, 99.0)),
    *(_reliable(0.0016 + 0.0001 * step, 85.0 + 7.0 * step) for step in range(3, 9)),
    _flaky(0.016, 120.0, (20 * MINUTE_S, 120 * MINUTE_S)),
    _flaky(0.022, 145.0, (30 * MINUTE_S, 180 * MINUTE_S)),
    _decent("oversubscribed", 110.0, peak=Peak(14, 19, refused_share=0.10)),
    _decent("careless", 100.0, wrong_share=0.035, truncated_share=0.002),
    _decent("inflating", 95.0, billed_per_word=1.06),
    _decent("canned", 90.0, canned=True),
)
