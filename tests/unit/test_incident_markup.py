"""Incidents as HTML: what comes from outside stays text, and every kind is called what it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collector.storage.incident_queries import IncidentRow, IncidentStory, PageRow, TransitionRow
from dashboard import incident_markup
from schemas.incident import Change, IncidentState, Level, Severity, Signal

AT = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def row(**given: Any) -> IncidentRow:
    """An open outage of a provider."""
    plain: dict[str, Any] = {
        "id": "inc-c1a4c1a4c1a4", "provider": "acme", "severity": Severity.P0, "state": IncidentState.OPEN,
        "level": Level.PROVIDER, "scope": "acme", "reason": "connect_refused", "rule": "2 of 2 clusters down",
        "parent": "", "failed_at": AT, "opened_at": AT + timedelta(seconds=4), "updated_at": AT,
        "resolved_at": None, "seq": 1, "reopened": 0, "simulated": False, "signal": Signal.HARD_DOWN,
        "acknowledged_by": "", "suppressed_by": "", "flapping": False, "blind": False, "certainty": "2 of 2 vantages",
        "affected": ("acme/a/m",), "affected_n": 3, "watched_n": 8, "acknowledged_at": None, "suppressed_why": "",
    }  # fmt: skip
    return IncidentRow(**plain | given)


def story(incident: IncidentRow, words: str) -> IncidentStory:
    """*incident* with one transition and one try to page that say *words*."""
    step = TransitionRow(
        seq=1, change=Change.OPENED, state=incident.state, severity=incident.severity, level=incident.level,
        scope=words, reason=words, cause=words, parent=words, at=AT + timedelta(seconds=4),
    )  # fmt: skip
    tried = PageRow(
        seq=1, destination=words, attempt=1, change=words, severity="P0", state=words, status=0, error=words,
        failed_at=AT, at=AT + timedelta(seconds=6), late_s=None, took_ms=4.0,
    )  # fmt: skip
    return IncidentStory(incident, (step,), (tried,))


def test_nothing_from_outside_becomes_an_element() -> None:
    """Every field that an error, a provider or a person writes, in every part of the page."""
    hostile = row(
        scope=HOSTILE, reason=HOSTILE, rule=HOSTILE, certainty=HOSTILE, affected=(HOSTILE,), acknowledged_by=HOSTILE,
        suppressed_by="sup-1", suppressed_why=HOSTILE, parent=HOSTILE, id=HOSTILE,
    )  # fmt: skip
    told = story(hostile, HOSTILE)
    parts = (
        incident_markup.card(hostile, AT, None),
        incident_markup.head(hostile, AT),
        incident_markup.timeline(told),
        incident_markup.tries(told),
        incident_markup.past([hostile]),
    )

    for part in parts:
        assert "<img" not in part
        assert "&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;&amp;" in part


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "provider acme is down"),
        ({"state": IncidentState.ACKED}, "provider acme is down"),
        ({"state": IncidentState.RECOVERING}, "provider acme is recovering"),
        ({"state": IncidentState.RESOLVED}, "provider acme is up again"),
        ({"state": IncidentState.CHILD}, "provider acme is part of a wider incident"),
        ({"signal": Signal.ERROR_BURN}, "error budget of provider acme burns"),
        ({"signal": Signal.LATENCY_BURN}, "latency budget of provider acme burns"),
        ({"signal": Signal.ERROR_BURN, "state": IncidentState.RESOLVED}, "error budget of provider acme burns no more"),
        ({"signal": Signal.NO_DATA, "level": Level.OBSERVER, "scope": "eu"}, "vantage eu is blind"),
        ({"level": Level.OBSERVER, "scope": "eu"}, "vantage eu cannot see the providers"),
        ({"signal": Signal.DRILL, "level": Level.OBSERVER, "scope": "ana"}, "drill: nothing is broken"),
    ],
)  # fmt: skip
def test_each_kind_is_called_what_it_is(given: dict[str, Any], words: str) -> None:
    """A burn rate is not down, a vantage of ours is no provider, a drill is neither."""
    assert f"<b>{words}</b>" in incident_markup.card(row(**given), AT, None)


def test_the_head_says_how_wide_how_sure_and_who_has_it() -> None:
    """With the numbers; what is missing has no line."""
    held = row(
        acknowledged_by="ana", suppressed_by="sup-1", suppressed_why="silence sup-1 of bo: upgrade", flapping=True,
        blind=True,
    )  # fmt: skip
    said = incident_markup.head(held, AT + timedelta(minutes=5))

    assert "3 of 8 targets watched there: acme/a/m and 2 more" in said
    assert "26 Nov 2026 12:00:00 UTC: 5 m" in said and "2 of 2 vantages" in said
    for words in ("ana has it", "pages are held by silence sup-1 of bo: upgrade", "flapping", "no fresh evidence"):
        assert words in said
    assert "Part of" not in said and "Reopened" not in said


def test_what_held_pages_once_is_not_said_of_now() -> None:
    """The words of a silence that is over stay in the record, not on the card."""
    assert "ts-flag" not in incident_markup.card(row(suppressed_why="silence sup-1 of bo: upgrade"), AT, None)
