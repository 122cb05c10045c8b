"""The transactional store keeps a decision whole, hands out pages in order, and survives being killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.storage.ledger import Ledger
from schemas.errors import StoreUnavailable
from schemas.incident import Change, PageIntent
from schemas.page import Delivery, DeliveryState
from schemas.response import Close, said
from tests.support.ledgers import (
    HELD_S,
    Place,
    Told,
    deciding,
    leased,
    ledger,
    nobody,
    place,
    result,
    seconds,
    state_of,
    to,
)
from tests.support.pages import NOW

__all__ = ["ledger", "place"]

ROOT = Path(__file__).parents[2]


def test_a_step_keeps_state_transitions_and_deliveries(ledger: Ledger) -> None:
    """And gives the decision back; the next step starts from where it ended."""
    decision = ledger.step(deciding(Change.OPENED), to("hook", "on-call"))

    assert state_of(ledger) == decision.state
    assert [row["change"] for row in ledger.uncopied(10)["incident_transitions"]] == ["opened"]
    assert {one.destination for one in leased(ledger, NOW, 10)} == {"hook", "on-call"}


def test_a_step_that_fails_leaves_no_trace(ledger: Ledger) -> None:
    """All or nothing: the deliveries cannot be made, so there was no decision either."""
    before = ledger.step(deciding(Change.OPENED), to("hook")).state

    def fails(intents: Sequence[PageIntent], known: Told) -> Sequence[Delivery]:
        raise RuntimeError("our own bug")

    with pytest.raises(RuntimeError, match="our own bug"):
        ledger.step(deciding(Change.PROMOTED), fails)

    assert state_of(ledger) == before
    assert [row["seq"] for row in ledger.uncopied(10)["incident_transitions"]] == [1]
    assert [one.intent.seq for one in leased(ledger, NOW, 10)] == [1]


def test_a_decision_that_fails_leaves_the_ledger_usable(ledger: Ledger) -> None:
    """The lock is given back."""

    def fails(state: HotState) -> Decision:
        raise RuntimeError("our own bug")

    with pytest.raises(RuntimeError):
        ledger.step(fails, nobody)

    assert ledger.step(deciding(Change.OPENED), to("hook")).transitions


def test_a_transition_is_never_written_twice(ledger: Ledger, place: Place) -> None:
    """(incident, seq) is unique: a judge that forgot its state cannot page a second time."""
    ledger.step(deciding(Change.OPENED), to("hook"))
    forgetful = deciding(Change.OPENED)
    with pytest.raises(StoreUnavailable, match="transactional store"):
        ledger.step(lambda _: forgetful(HotState()), to("hook"))

    assert len(leased(ledger, NOW, 10)) == 1


def test_the_outbox_is_told_who_heard_of_an_incident_before(ledger: Ledger) -> None:
    """Of this incident only, each destination once."""
    ledger.step(deciding(Change.OPENED), to("hook", "on-call"))
    ledger.step(deciding(Change.OPENED, incident="inc-2"), to("quiet"))
    told: list[Told] = []

    def listens(intents: Sequence[PageIntent], known: Told) -> Sequence[Delivery]:
        told.append(known)
        return []

    ledger.step(deciding(Change.PROMOTED, Change.RESOLVED), listens)

    assert told == [{"inc-1": frozenset({"hook", "on-call"})}]


def test_a_lease_is_in_order_per_incident_and_destination(ledger: Ledger) -> None:
    """A resolve never overtakes its trigger; other incidents and destinations do not wait for it."""
    ledger.step(deciding(Change.OPENED, Change.RESOLVED), to("hook", "on-call"))
    ledger.step(deciding(Change.OPENED, incident="inc-2"), to("hook"))
    first = leased(ledger, NOW, 10)

    assert sorted((one.intent.incident, one.intent.seq, one.destination) for one in first) == [
        ("inc-1", 1, "hook"), ("inc-1", 1, "on-call"), ("inc-2", 1, "hook"),
    ]  # fmt: skip
    assert leased(ledger, NOW, 10) == []
    done = next(one for one in first if one.intent.incident == "inc-1" and one.destination == "hook")
    ledger.settle(done, result(DeliveryState.DELIVERED))
    (second,) = leased(ledger, NOW, 10)
    assert (second.intent.seq, second.destination, second.intent.change) == (2, "hook", Change.RESOLVED)


def test_what_failed_waits_for_its_next_attempt_and_holds_back_what_follows(ledger: Ledger) -> None:
    """Until it is delivered or dead."""
    ledger.step(deciding(Change.OPENED, Change.RESOLVED), to("hook"))
    (first,) = leased(ledger, NOW, 10)
    ledger.settle(first, result(DeliveryState.PENDING, retry_at=NOW + seconds(2)))

    assert leased(ledger, NOW + seconds(1.9), 10) == []
    (again,) = leased(ledger, NOW + seconds(2), 10)
    assert (again.intent.seq, again.attempt, again.first_attempt_at) == (1, 1, NOW)
    ledger.settle(again, result(DeliveryState.DEAD))
    (following,) = leased(ledger, NOW + seconds(2), 10)
    assert following.intent.seq == 2


def test_a_lease_is_bounded_oldest_first(ledger: Ledger) -> None:
    """At most as many as may be on their way at once; what is settled makes room."""
    for number in range(5):
        ledger.step(deciding(Change.OPENED, incident=f"inc-{number}", at=NOW - seconds(number)), to("hook"))
    taken = [leased(ledger, NOW, 2), leased(ledger, NOW, 2)]
    ledger.settle(taken[0][0], result(DeliveryState.DELIVERED))
    taken.append(leased(ledger, NOW, 2))

    assert [[one.intent.incident for one in some] for some in taken] == [["inc-4", "inc-3"], [], ["inc-2"]]


def test_what_is_not_due_is_not_leased(ledger: Ledger) -> None:
    """Not a moment before."""
    ledger.step(deciding(Change.OPENED), to("hook", due=NOW + seconds(1)))

    assert leased(ledger, NOW + seconds(0.9), 10) == []
    assert len(leased(ledger, NOW + seconds(1), 10)) == 1


def test_a_lease_expires(ledger: Ledger) -> None:
    """Whoever took it is dead: another takes it, not before the time is over."""
    ledger.step(deciding(Change.OPENED), to("hook"))
    first = leased(ledger, NOW, 10)

    assert leased(ledger, NOW + seconds(HELD_S - 1), 10) == []
    assert [one.webhook_id() for one in leased(ledger, NOW + seconds(HELD_S), 10)] == [first[0].webhook_id()]


def test_a_restart_gives_back_what_the_process_before_it_held(ledger: Ledger, place: Place) -> None:
    """At once, not after the lease; what is delivered stays so, and what another collector holds is its own."""
    ledger.step(deciding(Change.OPENED), to("hook", "on-call"))
    taken = leased(ledger, NOW, 10)
    ledger.settle(taken[0], result(DeliveryState.DELIVERED))
    with closing(place.open("you")) as other:
        other.release()
        assert leased(other, NOW, 10) == []
    with closing(place.open("me")) as again:
        again.release()
        assert [one.destination for one in leased(again, NOW, 10)] == [taken[1].destination]


def test_two_senders_never_hold_the_same_page(ledger: Ledger, place: Place) -> None:
    """Leasing one at a time from two connections at once: each page once."""
    for number in range(20):
        ledger.step(deciding(Change.OPENED, incident=f"inc-{number}"), to("hook"))

    def take(owner: str) -> list[str]:
        with closing(place.open(owner)) as mine:
            taken: list[str] = []
            for _ in range(30):
                taken += [one.webhook_id() for one in leased(mine, NOW, len(taken) + 1)]
            return taken

    with ThreadPoolExecutor(2) as threads:
        taken = [id for some in threads.map(take, ["one", "two"]) for id in some]

    assert len(taken) == len(set(taken)) == 20


def test_two_judges_never_lose_each_others_step(ledger: Ledger, place: Place) -> None:
    """Reading the state and writing it is one transaction."""

    def judge(owner: str) -> None:
        with closing(place.open(owner)) as mine:
            for number in range(15):
                mine.step(deciding(Change.OPENED, incident=f"inc-{owner}-{number}"), nobody)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(judge, ["one", "two"]))

    assert len(state_of(ledger).incidents) == 30


def test_what_waits_is_counted(ledger: Ledger) -> None:
    """Pending or leased; neither what is delivered nor what is dead."""
    assert ledger.waiting() == 0
    ledger.step(deciding(Change.OPENED), to("hook", "on-call", "quiet"))
    first, second, _ = leased(ledger, NOW, 10)
    assert ledger.waiting() == 3
    ledger.settle(first, result(DeliveryState.DELIVERED))
    ledger.settle(second, result(DeliveryState.DEAD))

    assert ledger.waiting() == 1


def test_what_is_copied_is_not_copied_again(ledger: Ledger) -> None:
    """Transitions and attempts, with aware times, until they are marked."""
    ledger.step(deciding(Change.OPENED, Change.PROMOTED), to("hook"))
    (one,) = leased(ledger, NOW, 10)
    ledger.settle(one, result(DeliveryState.PENDING, retry_at=NOW))
    some = ledger.uncopied(1)
    assert {name: len(rows) for name, rows in some.items()} == {
        "incident_transitions": 1, "page_attempts": 1, "responses": 0,
    }  # fmt: skip
    ledger.copied(some)
    rest = ledger.uncopied(10)

    assert [row["seq"] for row in rest["incident_transitions"]] == [2]
    assert rest["page_attempts"] == []
    assert rest["incident_transitions"][0]["at"] == NOW
    ledger.copied(rest)
    assert ledger.uncopied(10) == {"incident_transitions": [], "page_attempts": [], "responses": []}


def test_what_somebody_asks_for_is_on_record_once(ledger: Ledger) -> None:
    """Refused or done, within the transaction of the decision; the same line again is the same line."""
    line = said(Close(incident="inc-1", by="ana", via="cli", why="gone for good"), "no such incident", NOW)

    def decide(state: HotState) -> Decision:
        return Decision(state, (), (), (), (), (line,))

    for _ in range(2):
        ledger.step(decide, nobody)
    (row,) = ledger.uncopied(10)["responses"]

    assert (row["at"], row["what"], row["by"], row["why"]) == (NOW, "close", "ana", "gone for good")
    assert row["refused"] == "no such incident"
    ledger.copied({"responses": [row]})
    assert ledger.uncopied(10)["responses"] == []


def test_every_attempt_is_kept(ledger: Ledger) -> None:
    """Numbered from one, with what came of it."""
    ledger.step(deciding(Change.OPENED), to("hook"))
    for state in (DeliveryState.PENDING, DeliveryState.PENDING, DeliveryState.DELIVERED):
        (one,) = leased(ledger, NOW, 10)
        ledger.settle(one, result(state, retry_at=NOW))
    rows = ledger.uncopied(10)["page_attempts"]

    assert [(row["attempt"], row["state"], row["status"]) for row in rows] == [
        (1, "pending", 503), (2, "pending", 503), (3, "delivered", 202),
    ]  # fmt: skip
    assert leased(ledger, NOW + seconds(3600), 10) == []


def test_reopening_keeps_everything(ledger: Ledger, place: Place) -> None:
    """State, pages, copies to make, leases."""
    decision = ledger.step(deciding(Change.OPENED), to("hook", "on-call"))
    (one, _) = leased(ledger, NOW, 10)
    ledger.settle(one, result(DeliveryState.DELIVERED))
    rows = ledger.uncopied(10)
    ledger.close()

    with closing(place.open("again")) as again:
        assert state_of(again) == decision.state
        assert (again.waiting(), again.uncopied(10)) == (1, rows)
        assert leased(again, NOW, 10) == []


CHILD = """
import sys
from collector.storage.ledger import Ledger
from schemas.incident import Change
from tests.support.ledgers import deciding, to
from tests.support.postgres_server import secret
ledger = Ledger(sys.argv[1], owner="child", password=secret())
for number in range(10**6):
    ledger.step(deciding(Change.OPENED, Change.PROMOTED, incident=f"inc-{number}"), to("hook", "on-call"))
    print(number, flush=True)
"""


def test_a_killed_process_leaves_only_whole_decisions(place: Place) -> None:
    """kill -9 in the middle of steps: state, transitions and deliveries agree, and nothing that returned is missing."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(place.where)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    for _ in range(25):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    acknowledged = 25 + len(child.stdout.read().split())
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()

    with closing(place.open("me")) as ledger:
        known = set(state_of(ledger).incidents)
        transitions = ledger.uncopied(10**6)["incident_transitions"]
        first = leased(ledger, NOW, 10**4)
        for one in first:
            ledger.settle(one, result(DeliveryState.DELIVERED))
        second = leased(ledger, NOW, 10**4)

    assert acknowledged <= len(known) <= acknowledged + 1
    assert {(row["incident"], row["seq"]) for row in transitions} == {(id, seq) for id in known for seq in (1, 2)}
    for seq, taken in ((1, first), (2, second)):
        keys = {(one.intent.incident, one.intent.seq, one.destination) for one in taken}
        assert keys == {(id, seq, name) for id in known for name in ("hook", "on-call")}


def test_a_file_that_is_no_ledger_is_unavailable(tmp_path: Path) -> None:
    """Garbage, a folder, or a place that cannot be made: StoreUnavailable, which names the path."""
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"this is not a database at all" * 400)
    for where in (garbage, tmp_path, garbage / "below" / "state.db"):
        with pytest.raises(StoreUnavailable, match=str(where)):
            Ledger(where, owner="me")
