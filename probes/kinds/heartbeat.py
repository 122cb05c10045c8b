"""`heartbeat`: the other side calls us; the last call, as `touchstone heartbeats` recorded it, is recent enough."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from probes.contract import Ask, Finding
from probes.failure import detail_of
from probes.heartbeat_folder import ALIVE_S_MAX, Beat, HeartbeatFolder, Watch
from schemas.config import Module
from schemas.observation import Outcome, Reason
from schemas.quantity import DurationS


class HeartbeatModule(Module):
    """A call that the other side makes."""

    kind: Literal["heartbeat"]
    connection: Literal["cold"] = "cold"
    folder: str = "var/heartbeats"
    every: DurationS = 60.0
    grace: DurationS = 30.0

    @property
    def overdue_s(self) -> float:
        """How old the last call may be."""
        return self.every + self.grace

    @property
    def hang_s(self) -> float:
        """How long silence keeps us waiting."""
        return self.overdue_s


async def heartbeat(ask: Ask) -> Finding:
    """Look at the last call and say what it means."""
    subject, module = ask.subject, ask.subject.module
    assert isinstance(module, HeartbeatModule)
    folder = HeartbeatFolder(Path(module.folder))
    watch, beat = await asyncio.to_thread(lambda: (folder.watch(), folder.beat(subject.place.id)))
    found = judged(watch, beat, ask.clock.now(), module)
    return replace(found, detail=detail_of(found.detail, subject.bearer))


def judged(watch: Watch | None, beat: Beat | None, now: datetime, module: HeartbeatModule) -> Finding:
    """What the receiver's files mean at *now*: silence counts only for as long as somebody listened."""
    if (problem := _receiver_problem(watch, beat, now)) is not None:
        return Finding(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_ERROR, detail=problem)
    assert watch is not None
    age_s = None if beat is None else max((now - beat.received_at).total_seconds(), 0.0)
    if beat is not None and age_s is not None and age_s <= module.overdue_s:
        return _said(beat, age_s)
    listened_s = (now - watch.since).total_seconds()
    if listened_s <= module.overdue_s:
        waiting = f"the receiver has listened for {listened_s:.0f} s; a call may take {module.overdue_s:g} s"
        return Finding(outcome=Outcome.NOT_OBSERVED, reason=Reason.OBSERVER_OFFLINE, detail=waiting)
    silent = f"{age_s:.0f} s" if age_s is not None else f"the {listened_s:.0f} s that the receiver has listened"
    return Finding(
        outcome=Outcome.FAILED,
        reason=Reason.HEARTBEAT_MISSED,
        detail=f"no call for {silent}; one every {module.every:g} s is due, with {module.grace:g} s of grace",
        figures={} if age_s is None else {"age_s": age_s},
    )


def _said(beat: Beat, age_s: float) -> Finding:
    """The finding of a call in time, by what it said of itself."""
    figures, outcome = {**beat.figures, "age_s": age_s}, Outcome(beat.status)
    if outcome is Outcome.OK:
        return Finding(outcome=outcome, figures=figures)
    detail = f"the call says {beat.status}" + (f": {beat.message}" if beat.message else "")
    return Finding(outcome=outcome, reason=Reason.COMMAND_FAILED, detail=detail, figures=figures)


def _receiver_problem(watch: Watch | None, beat: Beat | None, now: datetime) -> str | None:
    """Why the files say nothing about the other side; None when they do."""
    if watch is None:
        return "no heartbeat receiver has ever listened for this folder"
    silent_s = (now - watch.alive).total_seconds()
    if silent_s > ALIVE_S_MAX:
        return f"the heartbeat receiver was last alive {silent_s:.0f} s ago"
    ahead_s = max(-silent_s, (beat.received_at - now).total_seconds() if beat is not None else 0.0)
    return f"the receiver's files are {ahead_s:.0f} s ahead of this clock" if ahead_s > ALIVE_S_MAX else None
