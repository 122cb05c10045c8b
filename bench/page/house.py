"""Everything that runs while the bench does, started in order and stopped whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.page import peer_side
from bench.page.cases import Blow, Case
from bench.page.health import HOST, Targets
from bench.page.own_side import OwnStore, Touchstone, Wanted
from bench.page.peer_side import BRISK, DEFAULT, TUNED, Peers, Watched
from bench.page.plan import MAIN, Plan
from bench.page.receiver import Receiver

OURS, BACKUP, OURS_OF_THREE = "ours", "ours-backup", "ours-of-three"
THREE = ("bench-1", "bench-2", "bench-3")
CANARIES = 2


@dataclass(slots=True)
class House:
    """The servers of the bench, the store, and the peers, None where they are absent."""

    plan: Plan
    folder: Path
    logs: Path
    say: Callable[[str], None]
    receiver: Receiver
    store: OwnStore
    targets: Targets = field(default_factory=Targets)
    network: Targets = field(default_factory=lambda: Targets(1 + CANARIES))  # the one that can be cut
    peers: Peers | None = None

    def targets_of(self, case: Case) -> Targets:
        """The server that the subjects of *case* are on."""
        return self.network if case.has(Blow.CUT_NETWORK) else self.targets

    def wanted(self, case: Case) -> Wanted:
        """Our side of *case*."""
        server, cut = self.targets_of(case), case.has(Blow.CUT_NETWORK)
        others = [f"other-{case.name}-{number}" for number in range(case.bystanders)]
        return Wanted(
            name=case.name,
            targets={subject: server.url(subject) for subject in (*case.names(), *others)},
            receiver=self.receiver.url(OURS, case.name),
            backup=self.receiver.url(BACKUP, case.name) if case.backup else None,
            canaries=[f"{HOST}:{port}" for port in server.ports[1:]] if cut else (),
        )

    def wanted_main(self, side: str) -> Wanted:
        """Our side of the outages, from one vantage or from three."""
        subjects = (*self.plan.subjects(), *self.plan.others())
        targets = {subject: self.targets.url(subject) for subject in subjects}
        wanted = Wanted(side, targets, self.receiver.url(side, MAIN))
        return replace(wanted, vantages=THREE) if side == OURS_OF_THREE else wanted

    def watched(self) -> list[Watched]:
        """What the peers watch."""
        main = [self.targets.url(subject) for subject in self.plan.subjects()]
        sides = (DEFAULT, TUNED) if self.plan.default else (TUNED,)
        found = [Watched(MAIN, main, {side: self.receiver.url(side, MAIN) for side in sides})]
        for case in self.plan.cases:
            server = self.targets_of(case)
            found.append(
                Watched(
                    case.name,
                    [server.url(subject) for subject in case.names()],
                    {side: self.receiver.url(side, case.name) for side in peer_sides(case)},
                    own_pager=case.has(Blow.KILL_PAGER),
                    own_prober=case.has(Blow.KILL_PROBER),
                )
            )
        return found

    @asynccontextmanager
    async def touchstone(self, wanted: Wanted) -> AsyncIterator[Touchstone]:
        """Our processes for one case, at work."""
        ours = Touchstone(wanted, folder=self.folder, logs=self.logs, store_url=self.store.url)
        try:
            await ours.start()
            yield ours
        finally:
            await ours.stop()


def peer_sides(case: Case) -> tuple[str, ...]:
    """The peers that *case* is played for."""
    return (TUNED, BRISK) if case.brisk else (TUNED,)


@asynccontextmanager
async def opened(plan: Plan, *, folder: Path, logs: Path, say: Callable[[str], None]) -> AsyncIterator[House]:
    """The house, with every server, the store and the peers at work."""
    house = House(plan, folder, logs, say, Receiver(logs / "arrivals.jsonl"), OwnStore(folder, logs))
    async with AsyncExitStack() as stack:
        for server in (house.targets, house.network, house.receiver):
            stack.push_async_callback(server.stop)
            await server.start()
        if (why := peer_side.absent()) is not None:
            say(f"[yellow]the peers are absent: {why}[/yellow]")
        else:
            house.peers = Peers(house.watched(), folder=folder, logs=logs)
            stack.push_async_callback(house.peers.stop)
            await house.peers.start()
        stack.push_async_callback(house.store.stop)
        await house.store.start()
        yield house


async def until(at_s: float) -> None:
    """Wait for an instant of the monotonic clock."""
    await asyncio.sleep(max(0.0, at_s - time.monotonic()))
