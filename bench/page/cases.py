"""The gauntlet: each case is a script of outages, faults of the receiver and blows, and the rows it gives. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from types import MappingProxyType

from bench.page import rows
from bench.page.outage import Outage, flapping
from bench.page.receiver import Fault, Manner
from bench.page.rows import RowRule

FOREVER = (Outage(0.0, inf),)
# What delivery may take after a receiver is back: the widest gap between two attempts.
BACK_S = 30.0
# Alertmanager tries again, or not, at its next group interval of 300 s.
PEER_S = 325.0
FLAP_S = 300.0


class Blow(StrEnum):
    """What is done to the processes or the network while a case goes on."""

    KILL_PAGER = "kill -9 the pager"
    START_PAGER = "start the pager again"
    KILL_PROBER = "kill -9 the prober"
    CUT_NETWORK = "cut the network"
    MEND_NETWORK = "mend the network"


@dataclass(frozen=True, slots=True)
class Case:
    """
    One script; all times are seconds from its first fault.

    Ours is watched for *ours_s*, the peers for *peers_s*. *peers_fault* is the peers' receiver's, where it is another
    because they speak later. *bystanders* are healthy all the while, so that few of those watched are down.
    """

    name: str
    rows: tuple[RowRule, ...]
    ours_s: float
    peers_s: float
    outages: tuple[Outage, ...] = FOREVER
    fault: Fault | None = None
    peers_fault: Fault | None = None
    blows: tuple[tuple[float, Blow], ...] = ()
    subjects: int = 4
    bystanders: int = 5
    backup: bool = False
    brisk: bool = False  # whether the peers with a short group interval are measured, too

    def fault_of(self, *, ours: bool) -> Fault | None:
        """What the receiver of that side does."""
        return self.fault if ours else self.peers_fault or self.fault

    def names(self) -> tuple[str, ...]:
        """Its subjects."""
        return tuple(f"{self.name}-{number}" for number in range(self.subjects))

    def has(self, blow: Blow) -> bool:
        """Whether *blow* is part of it."""
        return any(one is blow for _, one in self.blows)


def _row(name: str, unit: str, bound: float | None, rule: rows.Rule, **more: bool) -> RowRule:
    return RowRule(f"gauntlet_{name}", unit, bound, rule, **more)


CASES = (
    Case(
        "resolve-fails",
        (_row("resolve_fails_s", "s after its return", BACK_S, rows.resolve_since_return),),
        ours_s=130, peers_s=410, outages=(Outage(0, 30),),
        fault=Fault(Manner.REFUSE, 30, 90), peers_fault=Fault(Manner.REFUSE, 290, 350),
    ),
    Case(
        "flapping",
        (_row("flapping_messages", "messages by target", 2, rows.messages_each),),
        ours_s=FLAP_S + 45, peers_s=FLAP_S + 30, outages=flapping(for_s=FLAP_S, down_s=10, up_s=10), brisk=True,
    ),
    Case(
        "429-once",
        (_row("429_once_s", "s after the first attempt", 3, rows.since_first_attempt),),
        ours_s=25, peers_s=PEER_S, fault=Fault(Manner.THROTTLE, once=True),
    ),
    Case(
        "hangs-once",
        (_row("hangs_once_s", "s after the first attempt", 7, rows.since_first_attempt),),
        ours_s=30, peers_s=PEER_S, fault=Fault(Manner.HANG, once=True),
    ),
    Case(
        "429",
        (_row("429_s", "s after its return", BACK_S, rows.page_since_return),),
        ours_s=70, peers_s=PEER_S, fault=Fault(Manner.THROTTLE, 0, 30),
    ),
    Case(
        "429-short",
        (_row("429_short_told", "% of outages", 100, rows.told_percent, at_least=True),),
        ours_s=75, peers_s=PEER_S, outages=(Outage(0, 20),), fault=Fault(Manner.THROTTLE, 0, 30),
    ),
    Case(
        "503-short",
        (_row("503_short_told", "% of outages", 100, rows.told_percent, at_least=True),),
        ours_s=100, peers_s=PEER_S, outages=(Outage(0, 30),), fault=Fault(Manner.REFUSE, 0, 60),
    ),
    Case(
        "prober-dies",
        (
            _row("prober_dies_false_resolves", "resolves of 4", 0, rows.closings),
            _row("prober_dies_observer_pages", "pages", 1, rows.observer_pages, exactly=True, peers=False),
        ),
        ours_s=100, peers_s=PEER_S, blows=((20, Blow.KILL_PROBER),), brisk=True,
    ),
    Case(
        "503",
        (
            _row("503_s", "s after its return", BACK_S, rows.page_since_return),
            _row("503_backup_s", "s to the second", 16, rows.backup_since_first_attempt, peers=False),
        ),
        ours_s=130, peers_s=160, fault=Fault(Manner.REFUSE, 0, 90), backup=True,
    ),
    Case(
        "own-network",
        (_row("own_network_pages", "pages", 1, rows.pages, exactly=True),),
        ours_s=75, peers_s=75, outages=(), subjects=24, bystanders=0,
        blows=((0, Blow.CUT_NETWORK), (60, Blow.MEND_NETWORK)),
    ),
    Case(
        "kill-before",
        (_row("kill_before_s", "s after the restart", 3, rows.since_restart),),
        ours_s=40, peers_s=110, blows=((0, Blow.KILL_PAGER), (10, Blow.START_PAGER)),
    ),
    Case(
        "kill-in-flight",
        (_row("kill_in_flight_s", "s after the restart", 3, rows.since_restart),),
        ours_s=40, peers_s=110, fault=Fault(Manner.HANG, 0, 12),
        blows=((12, Blow.KILL_PAGER), (14, Blow.START_PAGER)),
    ),
    Case(
        "kill-after",
        (_row("kill_after_duplicates", "pages of 4", 0, rows.duplicates),),
        ours_s=40, peers_s=100, blows=((15, Blow.KILL_PAGER), (17, Blow.START_PAGER)),
    ),
    Case(
        "reply-lost",
        (
            _row("reply_lost_duplicates", "pages of 4", 0, rows.duplicates),
            _row("reply_lost_deliveries", "deliveries by page", None, rows.deliveries),
        ),
        ours_s=25, peers_s=30, fault=Fault(Manner.DROP, once=True),
    ),
)  # fmt: skip
BY_NAME: Mapping[str, Case] = MappingProxyType({case.name: case for case in CASES})
