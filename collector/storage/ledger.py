"""
The transactional store: a decision and its deliveries are one transaction, and nothing that was decided is lost.

Several collectors may share one on a PostgreSQL server: loading the state, deciding and writing is one after the other
for all of them. Every method raises StoreUnavailable. Steps come from one thread; the outbox and reads may have others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from collector.storage.ledger_database import Database
from collector.storage.ledger_outbox import LedgerOutbox
from collector.storage.ledger_reads import LedgerReads
from collector.storage.ledger_reports import LedgerReports
from collector.storage.ledger_rows import with_times
from collector.storage.ledger_tables import ATTEMPTS, DELIVERIES, RESPONSES, STATE, TRANSITIONS
from schemas.incident import PageIntent
from schemas.page import Delivery

Decide = Callable[[HotState], Decision]
Known = dict[str, frozenset[str]]
Deliveries = Callable[[Sequence[PageIntent], Known], Sequence[Delivery]]
COPIES = {"incident_transitions": TRANSITIONS, "page_attempts": ATTEMPTS, "responses": RESPONSES}


class Ledger(LedgerOutbox, LedgerReads, LedgerReports):
    """
    An open transactional store: the path of a SQLite file, or `postgresql://USER@HOST/DATABASE`.

    *owner* names this collector in leases: the same after a restart, and another for another collector.
    """

    def __init__(
        self, place: Path | str, *, owner: str, password: SecretStr | None = None, simulated: bool = False
    ) -> None:
        self._owner, self._simulated = owner, simulated
        self._database = Database(place, password)
        self._last: tuple[str, HotState] | None = None  # the digest of what is stored, and what it says

    def close(self) -> None:
        """Let go of the store."""
        self._database.close()

    def step(self, decide: Decide, deliveries: Deliveries) -> Decision:
        """
        Load the state, decide, and store state, transitions and deliveries: all or nothing.

        A decision that changes nothing writes nothing. What this process stored last it does not read again.
        """
        with self._database.transaction("state") as db:
            digest, state = self._state(db)
            decision = decide(state)
            if decision.state != state:
                fresh = decision.state.to_json()
                digest = hashlib.blake2b(fresh.encode(), digest_size=16).hexdigest()
                db.execute(sa.update(STATE).where(STATE.c.id == 1).values(body=fresh, digest=digest))
            self._add_transitions(db, decision)
            self._add_responses(db, decision)
            if decision.intents:
                self.add(db, deliveries(decision.intents, self._known(db, decision.intents)))
        self._last = (digest, decision.state)
        return decision

    def state(self) -> HotState:
        """What the judge remembers."""
        with self._database.reading("state") as db:
            body = db.execute(sa.select(STATE.c.body).where(STATE.c.id == 1)).scalar_one_or_none()
            return HotState.from_json(body) if body else HotState()

    def _state(self, db: sa.Connection) -> tuple[str, HotState]:
        """The stored state and its digest; its row is locked until the transaction ends, and is there afterwards."""
        lock = sa.select(STATE.c.digest).where(STATE.c.id == 1).with_for_update()
        row = db.execute(lock).one_or_none()
        if row is None:
            self._database.insert_new(db, STATE, {"id": 1, "body": "", "digest": ""})
            row = db.execute(lock).one()
        if self._last is not None and row.digest == self._last[0]:
            return self._last
        body = db.execute(sa.select(STATE.c.body).where(STATE.c.id == 1)).scalar_one()
        return row.digest or "", HotState.from_json(body) if body else HotState()

    def uncopied(self, limit: int) -> dict[str, list[dict[str, Any]]]:
        """Rows that ClickHouse has not got yet, by its table name; datetimes aware."""
        with self._database.reading("copies") as db:
            return {name: _bodies(db, table, limit) for name, table in COPIES.items()}

    def copied(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """Mark rows of `uncopied` as copied."""
        with self._database.transaction("copies") as db:
            for name, several in rows.items():
                table = COPIES[name]
                for row in several:
                    same = sa.and_(*(column == row[column.name] for column in table.primary_key))
                    db.execute(sa.update(table).where(same).values(copied=True))

    def _known(self, db: sa.Connection, intents: Sequence[PageIntent]) -> Known:
        ids = {intent.incident for intent in intents}
        rows = db.execute(
            sa.select(DELIVERIES.c.incident, DELIVERIES.c.destination).where(DELIVERIES.c.incident.in_(ids)).distinct()
        ).all()
        return {id: frozenset(name for incident, name in rows if incident == id) for id in ids}

    def _add_transitions(self, db: sa.Connection, decision: Decision) -> None:
        incidents = {incident.id: incident for incident in decision.incidents}
        for transition in decision.transitions:
            incident = incidents[transition.incident]
            body = {
                "incident": transition.incident,
                "seq": transition.seq,
                "change": transition.change.value,
                "state": transition.state.value,
                "severity": transition.severity.value,
                "level": transition.scope.level.value,
                "scope": transition.scope.id,
                "provider": incident.provider,
                "signal": incident.signal.value,
                "reason": incident.reason,
                "cause": transition.cause,
                "parent": incident.parent or "",
                "failed_at": incident.failed_at.isoformat(),
                "opened_at": incident.opened_at.isoformat(),
                "at": transition.at.isoformat(),
                "acknowledged_by": incident.acknowledged.by if incident.acknowledged else "",
                "suppressed_by": incident.suppressed_by,
                "flapping": incident.flapping,
                "blind": incident.blind,
                "certainty": incident.evidence.certainty,
                "affected": incident.evidence.affected,
                "affected_n": incident.evidence.affected_n,
                "watched_n": incident.evidence.watched_n,
                "observations": incident.evidence.observations,
                "simulated": self._simulated,
            }
            db.execute(
                sa.insert(TRANSITIONS).values(
                    incident=transition.incident, seq=transition.seq, body=json.dumps(body), copied=False
                )
            )

    def _add_responses(self, db: sa.Connection, decision: Decision) -> None:
        for line in decision.said:
            body = {
                "id": line.id,
                **asdict(line),
                "at": line.at.isoformat(),
                "amount": None if line.amount is None else str(line.amount),
                "simulated": self._simulated,
            }
            self._database.insert_new(db, RESPONSES, {"id": line.id, "body": json.dumps(body), "copied": False})


def _bodies(db: sa.Connection, table: sa.Table, limit: int) -> list[dict[str, Any]]:
    """The rows of *table* that are not copied: its body, and what an attempt has in columns of its own."""
    beside = [column for column in table.columns if column.name in {"late_s", "took_ms"}]
    chosen = sa.select(table.c.body, *beside).where(table.c.copied.is_(sa.false())).limit(limit)
    return [
        with_times(json.loads(body)) | dict(zip((column.name for column in beside), more, strict=True))
        for body, *more in db.execute(chosen)
    ]
