"""How much is run: the whole, or a small piece of it in about a minute. Data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.page.cases import BY_NAME, CASES, Case

MAIN = "main"


@dataclass(frozen=True, slots=True)
class Plan:
    """
    *outages* targets have one outage each, within a window; beside them *bystanders* are healthy.

    *at_once_max* stays below half of all, which would be an incident of our own, and *known_s* is how long after its
    end an outage still counts. *settle_s* comes before the first fault of all, *case_settle_s* before that of a case:
    every target has been seen by then. *lanes* cases of ours run at once.
    """

    quick: bool
    outages: int
    bystanders: int
    window_s: float
    lasts_s: tuple[float, float]
    at_once_max: int
    settle_s: float
    ours_s: float  # how long after its beginning an outage is watched
    peers_s: float
    cases: tuple[Case, ...]
    three: bool = False  # whether ours watches the outages from three vantages, which take a machine to themselves
    default: bool = True
    lanes: int = 2  # each is a whole house of its own, and the machine has two cores
    case_settle_s: float = 12.0
    known_s: float = 20.0
    seed: int = 5

    def subjects(self) -> tuple[str, ...]:
        """The targets that have an outage."""
        return tuple(f"{MAIN}-{number}" for number in range(self.outages))

    def others(self) -> tuple[str, ...]:
        """Those that have none."""
        return tuple(f"{MAIN}-{self.outages + number}" for number in range(self.bystanders))


# With a first page 35 s after the fault at the latest, the default's resolve comes 300 s after that. Where in its 5 s
# of probing an outage begins is luck, and the median of 24 such is uncertain by a second to either side: so 72.
FULL = Plan(
    quick=False, outages=72, bystanders=0, window_s=360, lasts_s=(90, 150), at_once_max=35, settle_s=25, ours_s=180,
    peers_s=345, cases=CASES,
)  # fmt: skip
QUICK = Plan(
    quick=True, outages=4, bystanders=5, window_s=5, lasts_s=(15, 18), at_once_max=4, settle_s=8, ours_s=36,
    peers_s=0, cases=(BY_NAME["reply-lost"], BY_NAME["429-once"]), default=False, case_settle_s=7,
)  # fmt: skip
THREE = replace(FULL, cases=(), three=True, default=False, peers_s=200)
