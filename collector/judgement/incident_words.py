"""What incidents are called in one line: the summary of a page, and why one is over."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.incident import Change, Incident, IncidentState, Level, Signal
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
KIND_NAME: Mapping[Signal, str] = MappingProxyType(
    {
        Signal.HARD_DOWN: "outage",
        Signal.ERROR_BURN: "error budget",
        Signal.LATENCY_BURN: "latency budget",
        Signal.SLOW_BURN: "slow burn",
        Signal.CLAIM_DUE: "claim deadline",
        Signal.NO_DATA: "missing data",
        Signal.DRILL: "drill",
    }
)
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
        case Signal.CLAIM_DUE:
            return f"claim {incident.scope.id} {'is over' if over else 'is due'}: {incident.rule}"
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


def standing(signal: Signal, level: Level, scope: str, state: IncidentState) -> str:
    """What an incident is as it stands now, without its rule: `provider acme is down`, `vantage a is blind`."""
    over = state is IncidentState.RESOLVED
    burns = signal in _WHOSE
    match state:
        case IncidentState.RESOLVED:
            said = (_BURNS if burns else _DOWN)[Change.RESOLVED]
        case IncidentState.CHILD:
            said = _DOWN[Change.ABSORBED]
        case IncidentState.RECOVERING:
            said = "is recovering"
        case _:
            said = "burns" if burns else "is down"
    match signal:
        case Signal.DRILL:
            return "drill, over: nothing was broken" if over else "drill: nothing is broken"
        case Signal.CLAIM_DUE:
            return f"claim {scope} {'is over' if over else 'is due'}"
        case Signal.NO_DATA:
            return f"vantage {scope} {'sees again' if over else 'is blind'}"
        case Signal.HARD_DOWN if level is Level.OBSERVER:
            return f"vantage {scope} {'sees the providers again' if over else 'cannot see the providers'}"
        case Signal.HARD_DOWN:
            return f"{level} {scope} {said}"
        case _:
            return f"{_WHOSE[signal]} of {level} {scope} {said}"


def held_words(*, acknowledged_by: str, suppressed_why: str, flapping: bool, blind: bool) -> tuple[str, ...]:
    """Why an incident is quiet, or stays as it is; *suppressed_why* is '' when no silence and no window holds it."""
    found = (
        f"{acknowledged_by} has it" if acknowledged_by else "",
        f"pages are held by {suppressed_why}" if suppressed_why else "",
        "flapping: up and down too often, its pages are held" if flapping else "",
        "no fresh evidence: it stays as it is" if blind else "",
    )
    return tuple(words for words in found if words)


def affected_words(affected_n: int, watched_n: int) -> str:
    """How much of what is watched is affected: `3 of 8 targets watched there`."""
    return f"{affected_n} of {watched_n} targets watched there" if watched_n else f"{affected_n} targets"


def ended_words(incident: Incident, paging: Paging, *, gone: bool, forfeited: bool) -> str:
    """Why an incident is over; *gone* when nothing of it is watched any more, *forfeited* when its deadline passed."""
    if gone:
        return "nothing of it is in the configuration any more"
    match incident.signal:
        case Signal.DRILL:
            return "the exercise is over"
        case Signal.CLAIM_DUE:
            return "its deadline has passed: forfeited" if forfeited else "there is nothing to claim any more"
        case Signal.NO_DATA:
            return "every subject is seen again"
        case Signal.HARD_DOWN if incident.scope.level is Level.OBSERVER:
            return "fewer providers are down than it takes to be us"
        case Signal.HARD_DOWN:
            return f"{paging.hard_down.successes} good ticks in a row on every target that was down"
        case _:
            return "the error ratio of the last minutes is below half of what opened it"
