"""
What bounds the spool, and what that costs.

Of the oldest rows only the tick is kept, in a few bytes: it is shipped as `not_observed`, `observer_spool`, so that it
is told and not just absent. As many ticks may wait again as whole rows; only what is beyond that is dropped. Every cost
is counted in the ledger under the bound that asked for it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from datetime import timedelta

import orjson
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from probes.span_bytes import observation_of
from schemas.config import Agent
from schemas.errors import WireError
from schemas.nanoseconds import to_ns
from schemas.observation import Instrument, Observation, Outcome, Reason, Timings, Tokens
from schemas.wire import from_attributes, to_attributes

ROW_BYTES = 64  # what a row costs beside its body
TICK_BYTES = 32  # what a tick costs
SHORT_SPAN_BYTES = 1_000  # what a tick is when it is shipped
TICK_AGE_MAX = timedelta(days=180)  # so long the store keeps what it is given
CORRUPT = "dropped_corrupt"
_AT_ONCE = 200  # rows that are looked at together
_ROUNDS_MAX = 20  # of a put; a bound that was lowered far is reached by the puts after it


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait: whole rows, bytes of everything, and for how long a row stays whole."""

    rows: int
    bytes: int = 2**40
    age: timedelta = TICK_AGE_MAX

    @classmethod
    def of(cls, settings: Agent) -> Bounds:
        """Those of the settings, of each worker's spool."""
        return cls(settings.spool_rows_max, settings.spool_bytes_max, timedelta(seconds=settings.spool_age_max))


def keep_bounds(db: sqlite3.Connection, bounds: Bounds, now_ms: int, *, came: int) -> None:
    """Shorten and drop the oldest until everything is within *bounds* again; within the put's transaction."""
    for _ in range(_ROUNDS_MAX + came // _AT_ONCE):
        if not (_shorten(db, bounds, now_ms) or _drop(db, bounds, now_ms)):
            return


def restored(template: bytes, tick_ms: int) -> Observation:
    """The observation of a tick of which nothing else was kept."""
    tick_ns = tick_ms * 1_000_000
    return from_attributes(orjson.loads(template) | {"touchstone.tick_ms": tick_ms}, start_ns=tick_ns, end_ns=tick_ns)


def _shorten(db: sqlite3.Connection, bounds: Bounds, now_ms: int) -> int:
    """Keep only the ticks of the oldest whole rows that are too many, too large or too old; how many."""
    waits = _Waiting.read(db)
    oldest = db.execute("SELECT seq, body, at_ms FROM rows ORDER BY seq LIMIT ?", (_AT_ONCE,))  # read as far as needed
    too_many, too_large = waits.whole - bounds.rows, waits.bytes - bounds.bytes
    before_ms = now_ms - bounds.age // timedelta(milliseconds=1)
    chosen: list[tuple[int, bytes, str]] = []
    for seq, body, at_ms in oldest:
        if too_many > len(chosen):
            why = "rows"
        elif too_large > 0:
            why = "bytes"
        elif at_ms < before_ms:
            why = "age"
        else:
            break
        chosen.append((seq, body, why))
        too_large -= len(body) + ROW_BYTES - TICK_BYTES
    oldest.close()
    for seq, body, why in chosen:
        _keep_tick(db, seq, body, why)
    return len(chosen)


def _keep_tick(db: sqlite3.Connection, seq: int, body: bytes, why: str) -> None:
    db.execute("DELETE FROM rows WHERE seq = ?", (seq,))
    count(db, "bytes", -len(body))
    try:
        whole = observation_of(body)
    except (WireError, DecodeError):  # broken bytes have no tick to keep
        whole = None
    if whole is None or whole.attempt > 0:  # a re-probe is no tick: nothing is missing without it
        _cost(db, "dropped", why)
        return
    template = _template(whole, f"the agent's spool was full ({why}): only the tick was kept")
    db.execute("INSERT OR IGNORE INTO templates (body) VALUES (?)", (template,))
    db.execute(
        "INSERT INTO ticks SELECT ?, id, ? FROM templates WHERE body = ?",
        (seq, to_ns(whole.tick) // 1_000_000, template),
    )
    count(db, "short", 1)
    _cost(db, "shortened", why)


def _drop(db: sqlite3.Connection, bounds: Bounds, now_ms: int) -> int:
    """Drop the oldest ticks that are too many even so, or older than the store would keep; how many."""
    waits = _Waiting.read(db)
    oldest = db.execute("SELECT seq, tick_ms FROM ticks ORDER BY seq LIMIT ?", (_AT_ONCE,)).fetchall()
    too_many = waits.short - bounds.rows
    too_large = 0 if waits.whole else -(-(waits.bytes - bounds.bytes) // TICK_BYTES)
    before_ms = now_ms - TICK_AGE_MAX // timedelta(milliseconds=1)
    chosen: list[tuple[int, str]] = []
    for seq, tick_ms in oldest:
        if too_many > len(chosen):
            chosen.append((seq, "rows"))
        elif too_large > len(chosen):
            chosen.append((seq, "bytes"))
        elif tick_ms < before_ms:
            chosen.append((seq, "age"))
        else:
            break
    for seq, why in chosen:
        db.execute("DELETE FROM ticks WHERE seq = ?", (seq,))
        count(db, "short", -1)
        _cost(db, "dropped", why)
    return len(chosen)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """How much waits."""

    whole: int
    short: int
    bytes: int

    @classmethod
    def read(cls, db: sqlite3.Connection) -> _Waiting:
        ledger = dict(db.execute("SELECT name, value FROM ledger").fetchall())
        short = ledger["short"]
        whole = ledger["spooled"] - ledger["delivered"] - ledger["dropped"] - short
        return cls(whole, short, ledger["bytes"] + whole * ROW_BYTES + short * TICK_BYTES)


def _template(whole: Observation, said: str) -> bytes:
    """What is the same for all ticks of a subject that are kept for one reason."""
    bare = replace(
        whole, outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_SPOOL, detail=said, http_status=None,
        timings=Timings(), instrument=Instrument(), tokens=Tokens(), figures={}, samples=(), bytes_in=0,
        finish_reason="", answer_digest="", server_request_id="", late_ms=0.0, loop_lag_ms=0.0, streams_open=0,
        distrust=None, account="",
    )  # fmt: skip
    attributes = to_attributes(bare)
    del attributes["touchstone.tick_ms"]
    return orjson.dumps(attributes)


def _cost(db: sqlite3.Connection, what: str, why: str) -> None:
    count(db, what, 1)
    count(db, f"{what}_{why}", 1)


def count(db: sqlite3.Connection, name: str, more: int) -> None:
    """Add *more* to a count of the ledger."""
    db.execute("INSERT INTO ledger VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + ?", (name, more, more))
