"""One incident: what it is, how sure, what happened when, who was told; and what a person can do about it."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from collector.storage.incident_queries import IncidentRow
from dashboard import incident_markup, login, markup, reader
from dashboard.identity import Person
from dashboard.markup import text
from dashboard.pages import Pages
from schemas.errors import DeliveryError, StoreError
from schemas.incident import Signal

LIVE_S = 2
NAME_CHARS_MAX = 80
WHY_CHARS_MAX = 300
SILENCES = {"30 min": "30m", "2 h": "2h", "1 d": "24h"}
_ID = re.compile(r"^inc-[0-9a-f]{12}$")


def show(pages: Pages) -> None:
    """Draw the page of the incident that the address names."""
    id = str(st.query_params.get("id", ""))
    st.page_link(pages.incidents, label="All incidents", icon=":material/arrow_back:")
    story = reader.incident(id) if _ID.match(id) else None
    if story is None:
        _absent(id)
        return
    st.session_state["seen_incident"] = None  # a whole run shows what is new; begun anew it would lose the click
    _head(id)
    _act(story.incident)
    _history(id)
    st.page_link(
        pages.provider,
        label=markup.plain(f"Provider {story.incident.provider}"),
        query_params={"provider": story.incident.provider},
    )


@st.fragment(run_every=LIVE_S)
def _absent(id: str) -> None:
    """Say that nothing is known of *id*; a page can be there before its incident is, so look again."""
    st.html(f'<h1 class="ts-title">No incident is called <code>{text(id[:60]) or "?"}</code></h1>')
    if _ID.match(id) and reader.incident(id) is not None:
        st.rerun()


@st.fragment(run_every=LIVE_S)
def _head(id: str) -> None:
    try:
        story, now = reader.incident(id), reader.freshness().now
    except StoreError as error:
        title = "The store does not answer; what is below is as old as it is"
        st.error(markup.plain(str(error)[:160]), title=title, icon="⛔")
        return
    if story is None:
        return
    st.html(incident_markup.head(story.incident, now))
    seen = (id, story.incident.seq, len(story.pages))
    before, st.session_state["seen_incident"] = st.session_state.get("seen_incident"), seen
    if before not in (None, seen):
        st.rerun()


def _history(id: str) -> None:
    story = reader.incident(id)
    if story is not None:
        st.html(incident_markup.timeline(story))
        st.html(incident_markup.tries(story))


def _act(incident: IncidentRow) -> None:
    """The buttons, or why there are none."""
    if not incident.open:
        return
    said_of(incident.id, incident.seq)
    if barred := login.barred():
        st.html(f'<div class="ts-calm">{text(barred)}: nothing can be acknowledged from here.</div>')
        return
    _held, silent = reader.suppressions()
    if silent:
        st.html(f'<div class="ts-calm">Nothing can be acknowledged from here: {text(silent)}</div>')
        return
    with st.container(key="act"):
        name = responder()
        with st.container(horizontal=True, vertical_alignment="bottom", key="act-have"):
            if st.button("I have it", type="primary", disabled=bool(incident.acknowledged_by), key="have"):
                _say(incident, f"/api/v1/incidents/{incident.id}/acknowledge", name, f"{name} has it")
            if incident.acknowledged_by and st.button("Nobody has it", key="nobody"):
                _say(incident, f"/api/v1/incidents/{incident.id}/unacknowledge", name, "nobody has it")
        if incident.signal is Signal.DRILL:  # goes out whatever is silenced
            return
        with st.expander(markup.plain(f"Silence {incident.scope}")):
            why = st.text_input("Why it is silenced", key="why", max_chars=WHY_CHARS_MAX)
            with st.container(horizontal=True, key="act-silence"):
                for label, lasts in SILENCES.items():
                    if st.button(f"For {label}", key=f"silence-{lasts}"):
                        _say(
                            incident,
                            "/api/v1/suppressions",
                            name,
                            f"{incident.scope} is silenced for {label}",
                            kind="silence",
                            scope=incident.scope,
                            lasts=lasts,
                            why=why,
                        )


def responder() -> str:
    """Who acts: whoever is logged in; without a login they are asked, once a session."""
    visitor = login.visitor()
    if isinstance(visitor, Person):
        st.html(f'<p class="ts-note">On the record as {text(visitor.name)}</p>')
        return visitor.name
    st.session_state.setdefault("by", st.session_state.get("responder", ""))  # a widget's own goes with its page
    name = st.text_input("Your name", key="by", max_chars=NAME_CHARS_MAX, placeholder="others see it")
    st.session_state["responder"] = name.strip()
    return name.strip()


def said_of(where: str, seq: int) -> None:
    """What became of the last click at *where*: an error until the next one, success until the record has it."""
    place, at, done, words = st.session_state.get("said", ("", 0, False, ""))
    if place == where and (at == seq or not done):
        (st.success if done else st.error)(markup.plain(words))


def _say(incident: IncidentRow, path: str, by: str, done: str, **more: Any) -> None:
    st.session_state["said"] = (incident.id, incident.seq, *act(path, by, done, **more))
    st.rerun()


def act(path: str, by: str, done: str, **more: Any) -> tuple[bool, str]:
    """
    POST to the collector in the name of *by*, or of whoever is logged in: whether it is done, and what to say.

    What the session may do is looked at here again: a button may have been drawn before that changed.
    """
    if barred := login.barred():
        return False, f"{barred}: nothing was done"
    visitor, via = login.visitor(), "dashboard"
    if isinstance(visitor, Person):
        by, via = visitor.name, "login"
    if not by:
        return False, "Give your name first: others see who has it"
    if more.get("why") == "":
        return False, "Say why: others see it when they wonder"
    try:
        reader.ask(path, {**more, "by": by, "via": via})
    except DeliveryError as error:
        return False, str(error)
    reader.suppressions.clear()
    return True, f"{done}: the record follows in seconds"
