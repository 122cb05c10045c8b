"""What incidents are called in one line: the summary of a page, and why one is over."""

from __future__ import annotations

from schemas.incident import Change, Incident, Level, Signal
from schemas.paging import Paging

_DOWN = {
    Change.REOPENED: "is down again",
    Change.RESOLVED: "is up again",
    Change.ABSORBED: "is part of a wider incident",
    Change.STABLE: "is stable: {state}",
}
_BURNS = {
    Change.REOPENED: "burns again",
    Change.RESOLVED: "burns no more",
    Change.ABSORBED: "is part of a wider incident",
    Change.STABLE: "is stable: {state}",
}
_WHOSE = {
    Signal.ERROR_BURN: "error budget",
    Signal.LATENCY_BURN: "latency budget",
    Signal.SLOW_BURN: "error or latency budget (slowly)",
}
_MARK = {
    Change.ACKNOWLEDGED: "acknowledged by {by}: ",
    Change.ESCALATED: "nobody has it: ",
    Change.RELEASED: "no longer held back: ",
    Change.RAISED: "worse: ",
}


def summary(incident: Incident, change: Change) -> str:
    """One line: how bad, what, and by which rule; never more than a screen is wide, times two."""
    by = incident.acknowledged.by if incident.acknowledged else "nobody"
    mark = _MARK.get(change, "").format(by=by)
    return f"{incident.severity} {mark}{_what(incident, change)}"


def _what(incident: Incident, change: Change) -> str:
    over = change is Change.RESOLVED
    match incident.signal:
        case Signal.DRILL:
            return f"DRILL {'is over' if over else 'nothing is broken'}: {incident.rule}"
        case Signal.NO_DATA:
            return f"vantage {incident.scope.id} " + (
                "sees again" if over else f"is blind ({incident.reason}): {incident.rule}"
            )
        case Signal.HARD_DOWN if incident.scope.level is Level.OBSERVER:
            said = "sees the providers again" if over else f"cannot see the providers: {incident.rule}"
            return f"vantage {incident.scope.id} {said}"
        case Signal.HARD_DOWN:
            said = _DOWN.get(change, "is down").format(state=incident.state)
            return f"{incident.scope.level} {incident.scope.id} {said} ({incident.reason}): {incident.rule}"
        case _:
            said = _BURNS.get(change, "burns").format(state=incident.state)
            return f"{_WHOSE[incident.signal]} of {incident.scope.level} {incident.scope.id} {said}: {incident.rule}"


def ended_words(incident: Incident, paging: Paging, *, gone: bool) -> str:
    """Why an incident is over; *gone* when nothing of it is watched any more."""
    if gone:
        return "nothing of it is in the configuration any more"
    match incident.signal:
        case Signal.DRILL:
            return "the exercise is over"
        case Signal.NO_DATA:
            return "every subject is seen again"
        case Signal.HARD_DOWN if incident.scope.level is Level.OBSERVER:
            return "fewer providers are down than it takes to be us"
        case Signal.HARD_DOWN:
            return f"{paging.hard_down.successes} good ticks in a row on every target that was down"
        case _:
            return "the error ratio of the last minutes is below half of what opened it"
