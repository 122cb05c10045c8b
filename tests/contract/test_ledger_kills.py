"""Nothing is lost and nothing is doubled by a kill at any point, a storm, or a second collector."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.paging.outbox import deliveries_of
from collector.storage.ledger import Ledger
from schemas.incident import Change, PageIntent, Severity
from schemas.page import Delivery, DeliveryState
from tests.support.ledgers import (
    BACKED,
    HELD_S,
    Place,
    cover,
    deciding,
    leased,
    ledger,
    place,
    result,
    routed,
    seconds,
    stands,
    state_of,
    to,
)
from tests.support.pages import NOW, intent

__all__ = ["ledger", "place"]

pytestmark = pytest.mark.slow

PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD
OPENED, RESOLVED = Change.OPENED, Change.RESOLVED


STORM = 500


def storm(state: HotState) -> Decision:
    """500 incidents at once, each with an opening and an end; one in ten is a P0."""
    wishes = [
        intent(change, Severity.P0 if number % 10 == 0 else Severity.P2, seq, incident=f"inc-{number:03}")
        for number in range(STORM // 2)
        for seq, change in enumerate((OPENED, RESOLVED), 1)
    ]
    return Decision(state, (), (), tuple(wishes), ())


def test_a_storm_goes_out_whole_in_order_and_the_worst_first(ledger: Ledger) -> None:
    """500 pages to a destination of 60 a minute: never more than that, each once, every P0 before any P2."""
    ledger.step(storm, to("hook"))
    takes = {"hook": BACKED.destinations["hook"].model_copy(update={"per_minute": 60})}
    sent: list[tuple[float, Delivery]] = []
    for second in range(1200):
        now = NOW + seconds(second)
        for one in ledger.lease(now, takes, 20):
            ledger.settle(one, result(DELIVERED, at=now))
            sent.append((second, one))
        if len(sent) == STORM:
            break

    assert len({one.webhook_id() for _, one in sent}) == len(sent) == STORM
    assert [one.intent.severity for _, one in sent[: STORM // 10]] == [Severity.P0] * (STORM // 10)
    per_minute = [sum(first <= at < first + 60 for at, _ in sent) for first, _ in sent]
    assert max(per_minute) <= 60
    for number in range(STORM // 2):
        assert [one.intent.seq for _, one in sent if one.intent.incident == f"inc-{number:03}"] == [1, 2]
    assert ledger.waiting() == 0


def life(ledger: Ledger, taken: Callable[[Delivery], None]) -> None:
    """
    One incident from opening to end, whatever of it has been done already: hook is late, on-call refuses.

    *taken* is told of every page that a receiver takes, before that is on disk.
    """
    paging = BACKED.model_copy(update={"routes": {Severity.P0: ("hook", "on-call")}})

    def routed(intents: Sequence[PageIntent], known: dict[str, frozenset[str]]) -> Sequence[Delivery]:
        return deliveries_of(intents, paging, known)

    def seq() -> int:
        known = state_of(ledger).incidents.get("inc-1")
        return known.seq if known else 0

    ledger.release()
    if seq() < 1:
        ledger.step(deciding(OPENED), routed)
    for one in leased(ledger, NOW, 9):
        refused = one.destination == "on-call" and one.intent.seq == 1
        ledger.settle(one, result(DEAD) if refused else result(PENDING, retry_at=NOW + seconds(30)))
    while cover(ledger, 15, paging):
        pass
    if seq() < 2:
        ledger.step(deciding(RESOLVED), routed)
    while ledger.waiting():
        cover(ledger, 60, paging)
        for one in leased(ledger, NOW + seconds(60), 9):
            taken(one)
            ledger.settle(one, result(DELIVERED, at=NOW + seconds(60)))


def statements(ledger: Ledger, before: Callable[[int], None]) -> None:
    """Call *before* with the number of each statement that is about to change the database; reads change nothing."""
    number = 0

    def count(*event: object) -> None:
        nonlocal number
        if str(event[2]).startswith(("INSERT", "UPDATE", "COMMIT")):
            number += 1
            before(number)

    sa.event.listen(ledger._database._engine, "before_cursor_execute", count)


def life_until(place: Place, file: Path, last: int) -> None:
    """`life` in this process, which is killed before statement *last*."""

    def kill(number: int) -> None:
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)

    with closing(place.open("me")) as ledger, file.open("a") as log:
        statements(ledger, kill)
        life(ledger, lambda one: print(one.webhook_id(), file=log, flush=True))


def test_a_kill_between_any_two_statements_loses_and_doubles_nothing(place: Place, tmp_path: Path) -> None:
    """At each of them in turn: the same deliveries, the same end; a page in doubt comes again under the same id."""
    fork = multiprocessing.get_context("fork")
    whole: list[tuple[int, str, str, str]] = []
    for last in range(10**3):
        here = place.emptied(tmp_path / f"{last}.db")
        taken = tmp_path / f"{last}.taken"
        child = fork.Process(target=life_until, args=(here, taken, last))
        child.start()
        child.join()
        assert child.exitcode in {0, -signal.SIGKILL}
        with closing(here.open("me")) as ledger, taken.open("a") as log:
            life(ledger, lambda one, log=log: print(one.webhook_id(), file=log, flush=True))
            ends, transitions = stands(ledger), [row["seq"] for row in ledger.uncopied(99)["incident_transitions"]]
        whole = whole or ends
        assert (ends, sorted(transitions)) == (whole, [1, 2]), last
        ids = taken.read_text().split()
        assert set(ids) == {f"inc-1.{seq}.{name}" for seq, name, _, state in whole if state == "delivered"}
        assert max(Counter(ids).values()) <= 2
        for name in ("hook", "on-call", "quiet"):
            seqs = [id.split(".")[1] for id in ids if id.endswith(f".{name}")]
            assert seqs == sorted(seqs), last
        if last and child.exitcode == 0:
            break

    assert last > 20
    assert [(seq, name, instead) for seq, name, instead, _ in whole] == [
        (1, "hook", ""), (1, "on-call", ""), (1, "quiet", "hook"),
        (2, "hook", ""), (2, "on-call", ""), (2, "quiet", ""),
    ]  # fmt: skip


FACTS = [
    (f"inc-{number}", seq, change)
    for seq, change in enumerate((OPENED, Change.RAISED, RESOLVED), 1)
    for number in range(6)
]


def judge(fact: tuple[str, int, Change]) -> Callable[[HotState], Decision]:
    """A decision on *fact*, which changes nothing when it was decided before."""
    incident, seq, change = fact

    def decide(state: HotState) -> Decision:
        known = state.incidents.get(incident)
        if (known.seq if known else 0) != seq - 1:
            return Decision(state, (), (), (), ())
        return deciding(change, incident=incident)(state)

    return decide


def collector(place: Place, owner: str, file: Path, seed: int, last: int) -> None:
    """Judge every fact and send what is due, with pauses of *seed*; killed before its change *last* of the database."""
    pauses = random.Random(f"{seed}{owner}")

    def before(number: int) -> None:
        if number == last:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(pauses.random() * 0.004)

    with closing(place.open(owner)) as ledger, file.open("a") as log:
        statements(ledger, before)
        for fact in FACTS:
            ledger.step(judge(fact), routed)
            for one in leased(ledger, NOW, pauses.randint(1, 20)):
                print(one.webhook_id(), file=log, flush=True)
                ledger.settle(one, result(DELIVERED))


@pytest.mark.parametrize("last", [0, 1, 6, 13, 22])
@pytest.mark.parametrize("seed", [1, 2])
def test_two_collectors_that_judge_the_same_facts_make_one_page_of_each(
    place: Place, tmp_path: Path, seed: int, last: int
) -> None:
    """Every transition and delivery exists once, a page is sent by one of them; also when one is killed on the way."""
    fork, files = multiprocessing.get_context("fork"), [tmp_path / "one", tmp_path / "two"]
    both = [
        fork.Process(target=collector, args=(place, file.name, file, seed, kill))
        for file, kill in zip(files, (0, last), strict=True)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] in ([0, 0], [0, -signal.SIGKILL])
    with closing(place.open("three")) as ledger:
        held = {one.webhook_id() for one in leased(ledger, NOW + seconds(HELD_S), 99)}
        rows = ledger.uncopied(999)["incident_transitions"]
        deliveries = [one for number in range(6) for one in ledger.deliveries(f"inc-{number}")]

    sent = Counter(id for file in files for id in file.read_text().split())
    assert sorted((row["incident"], row["seq"], row["change"]) for row in rows) == sorted(FACTS)
    assert sorted(one.webhook_id() for one in deliveries) == sorted(f"{id}.{seq}.hook" for id, seq, _ in FACTS)
    assert max(sent.values()) == 1
    assert set(sent) | held | {one.webhook_id() for one in deliveries if one.state is PENDING} == {
        one.webhook_id() for one in deliveries
    }
    assert not held or both[1].exitcode


@pytest.mark.parametrize("seed", range(3))
def test_a_backup_that_is_told_while_the_end_is_decided_hears_of_the_end(place: Place, seed: int) -> None:
    """Whichever of the two is first: nobody keeps a page that is over."""
    ids = [f"inc-{number:02}" for number in range(40)]
    with closing(place.open("me")) as ledger:
        for id in ids:
            ledger.step(deciding(OPENED, incident=id, at=NOW + seconds(ids.index(id))), routed)

    def covers(ledger: Ledger) -> None:
        for second in range(15, 15 + len(ids)):
            cover(ledger, second)

    def ends(ledger: Ledger) -> None:
        for id in ids:
            ledger.step(deciding(RESOLVED, incident=id, at=NOW + seconds(60)), routed)

    def with_pauses(work: Callable[[Ledger], None]) -> None:
        pauses = random.Random(f"{seed}{work.__name__}")
        with closing(place.open(work.__name__)) as mine:
            sa.event.listen(
                mine._database._engine, "before_cursor_execute", lambda *_: time.sleep(pauses.random() * 0.002)
            )
            work(mine)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(with_pauses, [covers, ends]))
    with closing(place.open("me")) as ledger:
        heard = {(id, name, seq) for id in ids for seq, name, *_ in stands(ledger, id)}

    assert {(id, "quiet") for id, name, seq in heard if name == "quiet"}
    assert {(id, name) for id, name, seq in heard if seq == 1} <= {(id, name) for id, name, seq in heard if seq == 2}
