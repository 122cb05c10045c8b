"""The outbox: others are told in time, what a destination takes is kept to, and every figure is what happened."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from collector.judgement.hot_state import HotState
from collector.storage.ledger import Ledger
from collector.storage.ledger_outbox import STRANGE_S
from schemas.errors import StoreUnavailable
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
    nobody,
    place,
    result,
    routed,
    seconds,
    stands,
    state_of,
    to,
)
from tests.support.pages import NOW

__all__ = ["ledger", "place"]

PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD
OPENED, RESOLVED = Change.OPENED, Change.RESOLVED


def test_a_page_that_is_late_is_told_to_the_backup_once_and_goes_on(ledger: Ledger) -> None:
    """Not a moment before; the first is tried as before, and the end goes to both."""
    ledger.step(deciding(OPENED), routed)
    (one,) = leased(ledger, NOW, 9)
    ledger.settle(one, result(PENDING, retry_at=NOW + seconds(1)))

    assert cover(ledger, 14.9) == []
    assert [(some.delivery.destination, some.by) for some in cover(ledger, 15)] == [("hook", "quiet")]
    assert cover(ledger, 16) == []
    assert stands(ledger) == [(1, "hook", "", "pending"), (1, "quiet", "hook", "pending")]
    assert sorted(one.destination for one in leased(ledger, NOW + seconds(16), 9)) == ["hook", "quiet"]
    ledger.step(deciding(RESOLVED), routed)
    assert [(seq, name) for seq, name, *_ in stands(ledger)][2:] == [(2, "hook"), (2, "quiet")]


def test_a_page_that_is_being_tried_is_late_too(ledger: Ledger) -> None:
    """A receiver that hangs is no excuse."""
    ledger.step(deciding(OPENED), routed)
    leased(ledger, NOW, 9)

    assert [some.by for some in cover(ledger, 15)] == ["quiet"]


def test_a_backup_has_its_own_time(ledger: Ledger) -> None:
    """Counted from when it was told, not from the decision."""
    chain = BACKED.model_copy(
        update={"destinations": BACKED.destinations | {
            "quiet": BACKED.destinations["quiet"].model_copy(update={"backup": "on-call"})
        }}
    )  # fmt: skip
    ledger.step(deciding(OPENED), routed)
    cover(ledger, 15, chain)

    assert cover(ledger, 29, chain) == []
    assert [some.by for some in cover(ledger, 30, chain)] == ["on-call"]


def test_what_is_delivered_in_time_is_nobody_elses(ledger: Ledger) -> None:
    """However long ago it was."""
    ledger.step(deciding(OPENED), routed)
    (one,) = leased(ledger, NOW, 9)
    ledger.settle(one, result(DELIVERED))

    assert cover(ledger, 3600) == []


def test_what_is_dead_pages_elsewhere_at_once(ledger: Ledger) -> None:
    """Its backup; and when that is dead too and nobody is left, that is counted."""
    ledger.step(deciding(OPENED), routed)
    (one,) = leased(ledger, NOW, 9)
    ledger.settle(one, result(DEAD))

    assert [(some.delivery.destination, some.by) for some in cover(ledger, 0)] == [("hook", "quiet")]
    (two,) = leased(ledger, NOW, 9)
    ledger.settle(two, result(DEAD))
    assert [(some.delivery.destination, some.by) for some in cover(ledger, 1)] == [("quiet", "")]
    figures = ledger.figures(NOW, NOW + seconds(1))
    assert (figures.n, figures.dead, figures.untold) == (2, 2, 1)
    assert [one.destination for one in ledger.dead(9)] == ["hook", "quiet"]


def test_what_was_late_without_a_backup_is_looked_at_again_when_it_is_dead(ledger: Ledger) -> None:
    """A late page waits for its own receiver; a dead one goes along the route."""
    paging = BACKED.model_copy(update={"routes": {Severity.P1: ("on-call", "quiet")}})
    ledger.step(deciding(OPENED, severity=Severity.P1), to("on-call"))
    assert [some.by for some in cover(ledger, 15, paging)] == [""]
    (one,) = leased(ledger, NOW + seconds(16), 9)
    ledger.settle(one, result(DEAD))

    assert [some.by for some in cover(ledger, 17, paging)] == ["quiet"]


def test_what_waits_for_a_destination_is_sent_within_what_it_takes_the_worst_first(ledger: Ledger) -> None:
    """A storm: a quarter at once, and an urgent page that comes late goes next."""
    taken = {"hook": BACKED.destinations["hook"].model_copy(update={"per_minute": 8})}
    for number in range(4):
        ledger.step(deciding(OPENED, incident=f"inc-{number}", severity=Severity.P2), to("hook"))

    first = ledger.lease(NOW, taken, 20)
    assert [one.intent.incident for one in first] == ["inc-0", "inc-1"]
    for one in first:
        ledger.settle(one, result(DELIVERED))
    assert ledger.lease(NOW, taken, 20) == []
    ledger.step(deciding(OPENED, incident="inc-9"), to("hook"))
    assert [one.intent.incident for one in ledger.lease(NOW + seconds(9), taken, 20)] == ["inc-9"]
    assert [one.intent.incident for one in ledger.lease(NOW + seconds(18), taken, 20)] == ["inc-2"]


def test_what_holds_back_an_urgent_page_is_as_urgent(ledger: Ledger) -> None:
    """A P2 that became a P0: its first page must go before the P1s of a storm."""
    ledger.step(deciding(OPENED, incident="inc-8", severity=Severity.P1), to("hook"))
    ledger.step(deciding(OPENED, incident="inc-9", severity=Severity.P2), to("hook"))
    ledger.step(deciding(Change.RAISED, incident="inc-9", severity=Severity.P0), to("hook"))
    one = {"hook": BACKED.destinations["hook"].model_copy(update={"per_minute": 1})}

    (first,) = ledger.lease(NOW, one, 20)
    assert (first.intent.incident, first.intent.seq) == ("inc-9", 1)


def test_two_collectors_share_what_a_destination_takes(ledger: Ledger, place: Place) -> None:
    """And a restart gives nothing more."""
    taken = {"hook": BACKED.destinations["hook"].model_copy(update={"per_minute": 8})}
    for number in range(4):
        ledger.step(deciding(OPENED, incident=f"inc-{number}"), to("hook"))

    assert len(ledger.lease(NOW, taken, 1)) == 1
    with closing(place.open("you")) as other:
        assert len(other.lease(NOW, taken, 20)) == 1
        assert other.lease(NOW, taken, 20) == []


def test_a_destination_that_we_do_not_know_is_left_to_newer_settings_for_a_while(ledger: Ledger) -> None:
    """Another collector may know it: only later is it given up."""
    ledger.step(deciding(OPENED), to("new-one"))

    assert leased(ledger, NOW + seconds(STRANGE_S - 1), 9) == []
    assert [one.destination for one in leased(ledger, NOW + seconds(STRANGE_S), 9)] == ["new-one"]


def test_an_answer_that_comes_after_the_lease_counts_only_when_the_page_was_taken(ledger: Ledger, place: Place) -> None:
    """The lease has passed on: what failed is no news, what the receiver has is not sent again; all is kept."""
    ledger.step(deciding(OPENED), to("hook"))
    (mine,) = leased(ledger, NOW, 9)
    with closing(place.open("you")) as other:
        (theirs,) = leased(other, NOW + seconds(HELD_S), 9)
        ledger.settle(mine, result(DEAD))
        assert other.waiting() == 1
        ledger.settle(mine, result(DELIVERED, at=NOW + seconds(HELD_S)))
        assert other.waiting() == 0
        other.settle(theirs, result(PENDING, retry_at=NOW))
        assert other.waiting() == 0

    assert [(one["attempt"], one["state"]) for one in ledger.attempts("inc-1")] == [
        (1, "dead"), (2, "delivered"), (3, "pending"),
    ]  # fmt: skip


def test_the_least_is_remembered(ledger: Ledger) -> None:
    """That the next attempt is the last, as the least, survives a restart."""
    ledger.step(deciding(OPENED), to("hook"))
    (one,) = leased(ledger, NOW, 9)
    ledger.settle(one, replace(result(PENDING, retry_at=NOW), status=413, minimal=True))

    assert [(again.minimal, again.attempt) for again in leased(ledger, NOW, 9)] == [(True, 1)]


def test_any_words_of_a_receiver_can_be_kept(ledger: Ledger) -> None:
    """Also those that a database does not take."""
    ledger.step(deciding(OPENED), to("hook"))
    (one,) = leased(ledger, NOW, 9)
    ledger.settle(one, replace(result(DEAD), error="no\0thing \udcff said"))

    assert [one["error"] for one in ledger.attempts("inc-1")] == ["nothing ? said"]


def test_every_attempt_says_how_late_it_was(ledger: Ledger) -> None:
    """Nothing when it was in time."""
    ledger.step(deciding(OPENED), to("hook"))
    for after_s, state in ((59.0, PENDING), (75.0, DELIVERED)):
        (one,) = leased(ledger, NOW + seconds(after_s), 9)
        at = NOW + seconds(after_s)
        ledger.settle(one, replace(result(state, at=at, retry_at=at), took_ms=12.5))
    attempts = ledger.attempts("inc-1")

    assert [(one["late_s"], one["took_ms"], one["at"] - NOW) for one in attempts] == [
        (None, 12.5, seconds(59)), (75.0, 12.5, seconds(75)),
    ]  # fmt: skip
    assert ledger.uncopied(9)["page_attempts"] == attempts


def test_an_attempt_says_whom_it_was_instead_of(ledger: Ledger) -> None:
    """So that the copy tells a backup from who is told in their own right."""
    ledger.step(
        deciding(OPENED),
        lambda intents, known: [
            Delivery(intent=wish, destination=name, next_attempt_at=NOW, instead_of=instead_of)
            for wish in intents
            for name, instead_of in (("hook", ""), ("quiet", "hook"))
        ],
    )
    for one in leased(ledger, NOW, 9):
        ledger.settle(one, result(DELIVERED))

    copies = ledger.uncopied(9)["page_attempts"]
    assert {one["destination"]: one["instead_of"] for one in copies} == {"hook": "", "quiet": "hook"}


def test_how_long_the_oldest_has_been_left_alone(ledger: Ledger) -> None:
    """What is due and not tried: not what waits for its next attempt, nor what is behind it."""
    assert ledger.oldest_waiting(NOW) is None
    ledger.step(deciding(OPENED, RESOLVED), to("hook"))
    assert ledger.oldest_waiting(NOW + seconds(7)) == 7
    (one,) = leased(ledger, NOW + seconds(7), 9)
    assert ledger.oldest_waiting(NOW + seconds(8)) is None
    assert ledger.oldest_waiting(NOW + seconds(7 + HELD_S + 2)) == 2
    ledger.settle(one, result(PENDING, retry_at=NOW + seconds(100)))
    assert ledger.oldest_waiting(NOW + seconds(99)) is None
    assert ledger.oldest_waiting(NOW + seconds(130)) == 30


def test_how_well_pages_were_delivered(ledger: Ledger) -> None:
    """Of those decided within the window, its end left out."""
    took_s = [0.1] * 97 + [2.0, 3.0, 90.0]
    for number in range(len(took_s)):
        ledger.step(deciding(OPENED, incident=f"inc-{number:03}"), to("hook"))
    ledger.step(deciding(OPENED, incident="inc-later", at=NOW + seconds(60)), to("hook"))
    for one in leased(ledger, NOW, 100):
        number = int(one.intent.incident[4:])
        if took_s[number] == 3.0:
            ledger.settle(one, result(PENDING, retry_at=NOW + seconds(1)))
        else:
            ledger.settle(one, result(DELIVERED, at=NOW + seconds(took_s[number])))
    for one in leased(ledger, NOW + seconds(1), 100):
        if one.attempt:
            ledger.settle(one, result(DELIVERED, at=NOW + seconds(3)))
    figures = ledger.figures(NOW, NOW + seconds(60))

    assert (figures.n, figures.delivered, figures.first_try, figures.late) == (100, 100, 99, 1)
    assert (figures.dead, figures.untold) == (0, 0)
    assert figures.p50_s == pytest.approx(0.1, abs=1e-4)
    assert figures.p99_s == pytest.approx(3.0, abs=1e-4)
    none = ledger.figures(NOW - seconds(60), NOW)
    assert (none.n, none.p50_s, none.p99_s) == (0, None, None)


def test_a_page_is_in_time_when_it_or_a_backup_of_it_was(ledger: Ledger) -> None:
    """What nobody delivered is late; what has had no time yet is not counted."""
    ledger.step(deciding(OPENED), routed)
    (first,) = leased(ledger, NOW, 9)
    ledger.settle(first, result(DEAD))
    cover(ledger, 0)
    (backup,) = leased(ledger, NOW, 9)
    assert ledger.delivered_in_time(NOW, NOW + seconds(31), 30) == (1, 0)
    ledger.settle(backup, result(DELIVERED, at=NOW + seconds(20)))
    ledger.step(deciding(OPENED, incident="inc-later", at=NOW + seconds(60)), to("hook"))

    assert ledger.delivered_in_time(NOW, NOW + seconds(31), 30) == (1, 1)
    assert ledger.delivered_in_time(NOW, NOW + seconds(31), 10) == (1, 0)
    assert ledger.delivered_in_time(NOW, NOW + seconds(91), 30) == (2, 1)
    assert ledger.delivered_in_time(NOW + seconds(1), NOW + seconds(80), 30) == (0, 0)


OLD = """
CREATE TABLE judge_state (id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id));
CREATE TABLE transitions (incident VARCHAR(40) NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
  copied BOOLEAN NOT NULL, PRIMARY KEY (incident, seq));
CREATE TABLE deliveries (incident VARCHAR(40) NOT NULL, seq INTEGER NOT NULL, destination VARCHAR(63) NOT NULL,
  intent TEXT NOT NULL, state VARCHAR(10) NOT NULL, attempt INTEGER NOT NULL, next_attempt_at FLOAT NOT NULL,
  first_attempt_at FLOAT, lease_owner VARCHAR(64), lease_until FLOAT, delivered_at FLOAT, last_status INTEGER,
  last_error TEXT, PRIMARY KEY (incident, seq, destination));
CREATE INDEX deliveries_due ON deliveries (state, next_attempt_at);
CREATE TABLE attempts (incident VARCHAR(40) NOT NULL, seq INTEGER NOT NULL, destination VARCHAR(63) NOT NULL,
  attempt INTEGER NOT NULL, body TEXT NOT NULL, copied BOOLEAN NOT NULL,
  PRIMARY KEY (incident, seq, destination, attempt));
"""


def test_a_file_of_the_version_before_is_taken_over(tmp_path: Path) -> None:
    """Its state and what waits; its dead letters do not page anybody now."""
    file = tmp_path / "state.db"
    old = {
        "incident": "inc-1", "seq": 1, "change": "opened", "severity": "P1", "provider": "acme",
        "scope": {"level": "provider", "id": "acme"}, "summary": "down", "reason": "connect_refused",
        "failed_at": NOW.isoformat(), "opened_at": NOW.isoformat(), "at": NOW.isoformat(),
    }  # fmt: skip
    with closing(sqlite3.connect(file)) as db:
        db.executescript(OLD)
        db.execute("INSERT INTO judge_state VALUES (1, ?)", (HotState().to_json(),))
        for name, state in (("hook", "pending"), ("quiet", "dead")):
            db.execute(
                "INSERT INTO deliveries (incident, seq, destination, intent, state, attempt, next_attempt_at)"
                " VALUES ('inc-1', 1, ?, ?, ?, 0, ?)",
                (name, json.dumps(old), state, NOW.timestamp()),
            )
        db.commit()
    for start in range(2):
        with closing(Ledger(file, owner="me")) as ledger:
            ledger.release()
            (one,) = leased(ledger, NOW, 9)
            assert (one.intent.severity, one.intent.at, one.destination) == (Severity.P1, NOW, "hook")
            assert cover(ledger, 1) == []
            assert len(state_of(ledger).incidents) == start
            ledger.step(deciding(OPENED, incident=f"inc-{start + 2}"), nobody)
            assert ledger.figures(NOW, NOW + seconds(1)).n == 2


def test_what_is_not_copied_is_found_without_reading_what_is(tmp_path: Path) -> None:
    """Twice a second, of tables that grow for ever."""
    with closing(Ledger(tmp_path / "state.db", owner="me")) as ledger:
        asked: list[str] = []
        sa.event.listen(ledger._database._engine, "before_cursor_execute", lambda *one: asked.append(one[2]))
        ledger.uncopied(5)
    with closing(sqlite3.connect(tmp_path / "state.db")) as db:
        plans = [str(db.execute(f"EXPLAIN QUERY PLAN {sql}", (5, 0)).fetchall()) for sql in asked]

    assert len(plans) == 3
    assert all("uncopied" in plan for plan in plans), plans


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_server_that_is_away_is_unavailable_and_is_found_again(place: Place) -> None:
    """Every method says so; afterwards all is as before."""
    assert place.server is not None
    with closing(place.open("me")) as ledger:
        ledger.step(deciding(OPENED), to("hook"))
        place.server.stop()
        try:
            for work in (
                lambda: ledger.step(deciding(RESOLVED), to("hook")),
                lambda: leased(ledger, NOW, 9),
                ledger.waiting,
                lambda: cover(ledger, 20),
                lambda: ledger.uncopied(9),
            ):
                with pytest.raises(StoreUnavailable, match="transactional store"):
                    work()
            with pytest.raises(StoreUnavailable):
                place.open("you")
        finally:
            place.server.start()

        assert ledger.step(deciding(RESOLVED), to("hook")).transitions[0].seq == 2
        assert len(leased(ledger, NOW, 9)) == 1


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_collector_that_hangs_in_a_decision_holds_nobody_up_for_ever(place: Place) -> None:
    """The server ends a session that stands still, or waits too long for a lock."""
    assert place.server is not None
    with closing(place.open("me")) as ledger, ledger._database.reading("settings") as db:
        limits = [
            db.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout")
        ]

    assert limits == ["10s", "10s", "30s"]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_the_password_of_the_server_is_in_no_error(place: Place) -> None:
    """Neither a right one nor a wrong one."""
    assert place.server is not None
    with pytest.raises(StoreUnavailable) as caught:
        Ledger(place.where, owner="me", password=SecretStr("wrong-and-secret"))

    error: BaseException | None = caught.value
    assert "authentication failed" in str(error)
    while error is not None:
        assert "wrong-and-secret" not in repr(error) + str(error)
        error = error.__cause__


def test_a_state_is_read_again_only_when_another_wrote_it(ledger: Ledger, place: Place) -> None:
    """Of one's own writing the digest is enough; what another wrote is seen at once."""
    asked: list[str] = []
    ledger.step(deciding(OPENED), nobody)
    sa.event.listen(ledger._database._engine, "before_cursor_execute", lambda *one: asked.append(one[2]))
    bodies = lambda: sum("judge_state.body" in sql for sql in asked)  # noqa: E731

    assert "inc-1" in state_of(ledger).incidents
    assert bodies() == 0
    with closing(place.open("you")) as other:
        other.step(deciding(OPENED, incident="inc-2"), nobody)
    assert set(state_of(ledger).incidents) == {"inc-1", "inc-2"}
    assert bodies() == 1


def test_a_step_that_fails_is_forgotten(ledger: Ledger) -> None:
    """The next one starts from what is stored, not from what was thought."""

    def fails(intents: Sequence[PageIntent], known: object) -> Sequence[Delivery]:
        raise RuntimeError("our own bug")

    with pytest.raises(RuntimeError):
        ledger.step(deciding(OPENED), fails)

    assert state_of(ledger).incidents == {}


def test_a_decision_that_changes_nothing_writes_nothing(ledger: Ledger) -> None:
    """Twice a second, all day."""
    ledger.step(deciding(OPENED), nobody)
    asked: list[str] = []
    sa.event.listen(ledger._database._engine, "before_cursor_execute", lambda *one: asked.append(one[2]))
    state_of(ledger)

    assert [sql for sql in asked if sql.startswith(("INSERT", "UPDATE", "DELETE"))] == []
