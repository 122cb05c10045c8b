"""What probes saw of a unit in a billing month: counts by slot of time, of what is not simply good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

# Of a request that counts against a provider: when (ms since the epoch), what, and what came of it.
FAILURES_MAX = 200_000
FAILURE_COLUMNS = (
    "ms", "unit", "target", "vantage", "kind", "module", "outcome", "reason", "http_status", "connection", "sent_ms",
    "first_token_ms", "total_ms", "server_request_id", "agent_version", "detail",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slot:
    """
    Counts of requests in one slot, as a contract sees them; what it leaves out is in none.

    good: answered. failed: counted against the provider. unknown: not observed, or nobody can tell whose fault.
    timed: of the good, those with a first token and trusted timings; late: of those, over the contract's limit.
    """

    good: int = 0
    failed: int = 0
    unknown: int = 0
    timed: int = 0
    late: int = 0

    @property
    def known(self) -> int:
        """Good or failed."""
        return self.good + self.failed

    @property
    def all(self) -> int:
        """Known or not."""
        return self.known + self.unknown


@dataclass(frozen=True, slots=True)
class Record:
    """
    A unit of a commitment from *begins* as far as *until*, every request of its targets, from every vantage.

    *slots*, of *slot_s* seconds, are those that are not simply good, by their number; *total* sums over every slot.
    asked: all but what we did not see or spoiled ourselves; pleased: of those, answered in time and right. left_out:
    failures that the contract does not count. first, last: observations.
    """

    unit: str
    begins: datetime
    until: datetime
    slot_s: int
    slots: Mapping[int, Slot]
    total: Slot = Slot()
    asked: int = 0
    pleased: int = 0
    left_out: int = 0
    first: datetime | None = None
    last: datetime | None = None
    targets: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """How many slots there are; the last may not be full."""
        return max(0, -(-int((self.until - self.begins).total_seconds()) // self.slot_s))

    @property
    def unseen(self) -> int:
        """Slots in which nobody looked: before the first observation and after the last."""
        if self.first is None or self.last is None:
            return self.n
        return self.n - (self.number(self.last) - self.number(self.first) + 1)

    def number(self, at: datetime) -> int:
        """The number of the slot that holds *at*."""
        return int((at - self.begins).total_seconds()) // self.slot_s

    def start(self, number: int) -> datetime:
        """When slot *number* begins."""
        return self.begins + timedelta(seconds=number * self.slot_s)


@dataclass(frozen=True, slots=True)
class Control:
    """How requests to all other providers fared at the same time: how many, answered; providers, vantages."""

    n: int = 0
    answered: int = 0
    providers: int = 0
    vantages: int = 0

    def __add__(self, other: Control) -> Control:
        """Of both times; of providers and vantages the larger number, since they may be the same ones."""
        return Control(
            self.n + other.n,
            self.answered + other.answered,
            max(self.providers, other.providers),
            max(self.vantages, other.vantages),
        )
