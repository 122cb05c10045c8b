"""One screen says what, since when, how sure, how much, when it was last good, and where to go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.paging.plain_text import clean, cut, fitted, markdown, size, slack
from collector.paging.screen import ADDRESS_CHARS_MAX, TITLE_SIZE_MAX, VALUE_SIZE_MAX, Screen, screen_of
from schemas.incident import Change, Evidence, Level, Scope, Severity, Signal
from tests.support.pages import EVIDENCE, NOW, delivery, every_kind, intent


def screen(
    change: Change = Change.OPENED, *, instead_of: str = "", paging: dict[str, Any] | None = None, **more: Any
) -> Screen:
    """What a page says."""
    wish = intent(change, **{"evidence": EVIDENCE} | more)
    return screen_of(delivery(wish, instead_of=instead_of), every_kind(**paging or {}), NOW)


def test_everything_that_one_needs_at_night_is_there() -> None:
    """In this order, in these words."""
    assert screen().text() == (
        "P0 provider acme is down (connect_refused): 3 of 5 clusters down\n"
        "\n"
        "Severity: P0\n"
        "What: provider acme\n"
        "Change: opened\n"
        "Since: 2026-11-24 12:00:00 UTC\n"
        "How sure: 6 of 6 requests failed within 3.5 s, from 2 vantages\n"
        "Affected: 2 of 5 watched: acme/us-east/chat, acme/us-west/chat\n"
        "Last good: 2026-11-24 11:59:50 UTC, 10 s before\n"
        "Reason: connect_refused\n"
        "Rule: 3 of 5 clusters down\n"
        "Incident: inc-0123456789ab\n"
        "\n"
        "Dashboard: https://touchstone.example/incident?id=inc-0123456789ab\n"
        f"Acknowledge: {dict(screen().links)['Acknowledge']}\n"
        "Runbook: https://wiki.example/down"
    )


def test_what_is_not_known_has_no_line() -> None:
    """Rather than a zero or a dash."""
    bare = screen(evidence=Evidence(), reason="", rule="")

    assert [name for name, _ in bare.facts] == ["Severity", "What", "Change", "Since", "Incident"]


def test_a_closing_says_how_long_it_was_and_asks_nobody_to_acknowledge() -> None:
    """There is nothing left to have."""
    over = screen(Change.RESOLVED, resolved_at=NOW + timedelta(minutes=5), acknowledged_by="kim")

    assert over.over
    assert dict(over.facts)["Until"] == "2026-11-24 12:05:05 UTC, after 5 m 5 s"
    assert dict(over.facts)["Acknowledged by"] == "kim"
    assert set(dict(over.links)) == {"Dashboard", "Runbook"}


def test_an_escalation_says_its_step() -> None:
    """So that whoever is woken knows that somebody was before."""
    assert dict(screen(Change.ESCALATED, step=2).facts)["Escalation"] == "step 2"


@pytest.mark.parametrize(
    ("late_s", "instead_of", "signal", "marks"),
    [
        (59, "", Signal.HARD_DOWN, ""),
        (60, "", Signal.HARD_DOWN, "[sent 1 m late] "),
        (240, "", Signal.HARD_DOWN, "[sent 4 m late] "),
        (0, "on-call", Signal.HARD_DOWN, "[instead of on-call] "),
        (0, "", Signal.DRILL, "[DRILL] "),
        (3700, "on-call", Signal.DRILL, "[DRILL] [sent 1 h 1 m late] [instead of on-call] "),
    ],
)
def test_marks_stand_before_everything_else(late_s: int, instead_of: str, signal: Signal, marks: str) -> None:
    """Late, told instead of another, an exercise: what a page is, before what it says."""
    said = screen(instead_of=instead_of, at=NOW - timedelta(seconds=late_s), signal=signal)

    assert said.title == f"{marks}P0 provider acme is down (connect_refused): 3 of 5 clusters down"


def test_five_hundred_targets_are_counted_and_some_are_named() -> None:
    """As many as fit, at most twenty; the rest is a number."""
    names = tuple(f"acme/c{i:03}/chat" for i in range(500))
    said = dict(screen(evidence=replace(EVIDENCE, affected=names[:20], affected_n=500, watched_n=900)).facts)[
        "Affected"
    ]
    long = tuple(f"acme/{'c' * 62}/{i:060}" for i in range(20))
    less = dict(screen(evidence=replace(EVIDENCE, affected=long, affected_n=20, watched_n=20)).facts)["Affected"]

    assert said.startswith("500 of 900 watched: acme/c000/chat, ")
    assert said.endswith("acme/c019/chat and 480 more")
    assert less.endswith("and 15 more")
    assert size(less) <= VALUE_SIZE_MAX


def test_an_observers_incident_leads_to_its_page() -> None:
    """Though it is about no provider."""
    said = screen(provider="", scope=Scope(Level.OBSERVER, "fra-1"), signal=Signal.NO_DATA)

    assert said.dashboard == "https://touchstone.example/incident?id=inc-0123456789ab"
    assert dict(said.facts)["What"] == "observer fra-1"


def test_a_runbook_is_found_by_the_signal_and_else_the_default() -> None:
    """None when the settings have neither."""
    books = {"runbooks": {"hard_down": "https://wiki.example/hard", "default": "https://wiki.example/any"}}

    assert screen(paging=books).runbook == "https://wiki.example/hard"
    assert screen(paging=books, signal=Signal.LATENCY_BURN).runbook == "https://wiki.example/any"
    assert screen(paging={"runbooks": {}}).runbook is None


@pytest.mark.parametrize("missing", ["api_url", "link_secret"])
def test_without_an_address_or_a_secret_there_is_no_link_to_acknowledge(missing: str) -> None:
    """Half of it signs nothing."""
    assert "Acknowledge" not in dict(screen(paging={missing: None}).links)


def test_a_link_that_no_receiver_takes_is_left_out() -> None:
    """Half a link leads nowhere."""
    said = screen(paging={"runbooks": {"default": "https://wiki.example/" + "x" * ADDRESS_CHARS_MAX}})

    assert "Runbook" not in dict(said.links)
    assert said.runbook is None


def test_a_page_that_says_nothing_still_says_what_it_is_about() -> None:
    """A title is never empty."""
    assert screen(summary="\x00\u202e").title == "P0 provider acme"


@given(summary=st.text(), certainty=st.text(), reason=st.text(), severity=st.sampled_from(list(Severity)))
def test_everything_is_one_clean_line_of_bounded_length(
    summary: str, certainty: str, reason: str, severity: Severity
) -> None:
    """Whatever a server of a stranger made us say."""
    wish = intent(summary=summary * 50, severity=severity, reason=reason, evidence=Evidence(certainty=certainty * 50))
    said: Screen = screen_of(delivery(wish), every_kind(), NOW)

    assert 0 < size(said.title) <= TITLE_SIZE_MAX
    for _name, value in said.facts:
        assert 0 < size(value) <= VALUE_SIZE_MAX
        assert value == clean(value)


@given(text=st.text(), size_max=st.integers(1, 40))
def test_what_is_cut_is_the_beginning_and_no_longer_than_asked(text: str, size_max: int) -> None:
    """Counted in UTF-16, and no character in halves."""
    said = cut(text, size_max)

    assert size(said) <= size_max
    assert said == text or (said[-1] == "…" and text.startswith(said[:-1]))


@given(text=st.text("&<>*_ab", max_size=200), size_max=st.integers(6, 60))
@pytest.mark.parametrize("escape", [slack, markdown])
def test_what_is_escaped_fits_and_no_escape_is_cut_through(escape: Any, text: str, size_max: int) -> None:
    """The end is an ellipsis or the text's own."""
    said = fitted(text, size_max, escape)

    assert size(said) <= size_max
    assert said == escape(text) or said.endswith("…")
    assert said == escape(said.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("\\", ""))


@given(text=st.text())
def test_clean_text_can_be_sent_and_shown(text: str) -> None:
    """Printable, encodable, one line, in reading order; and clean again it is the same."""
    said = clean(text)

    assert said.encode().decode() == said
    assert said == clean(said)
    assert not set(said) & set("\r\n\t\x00\u202e\u2066\u2028\ufeff")
