"""What is broken now, the worst first; what was; and what is held quiet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from collector.judgement.wording import duration, stamp
from dashboard import incident_markup, login, reader
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.views import incident
from schemas.incident import Severity

PAST_MAX = 100
ALL = "all providers"


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Incidents</h1>')
    provider, severities = _filter()
    (found, paged), now = reader.open_incidents(), reader.freshness().now
    shown = [one for one in found if provider in {"", one.provider} and one.severity.value in severities]
    for one in shown:
        card(pages, one, now, paged.get(one.id))
    if not shown:
        st.html('<div class="ts-calm"><b>✓</b> No incident that is asked for is open.</div>')
    past = [
        one for one in reader.recent_incidents(provider, PAST_MAX) if not one.open and one.severity.value in severities
    ]
    st.html(f'<h2>Before <span class="ts-dim">n {len(past)} of the last {PAST_MAX}</span></h2>')
    st.html(incident_markup.past(past) if past else '<div class="ts-nothing">None is known.</div>')
    _quiet()


def card(pages: Pages, one: Any, now: datetime, paged: datetime | None) -> None:
    """An open incident, and the way to its page."""
    with st.container(key=f"card-{one.id}"):
        st.html(incident_markup.card(one, now, paged))
        st.page_link(pages.incident, label="Timeline, pages, acknowledge", query_params={"id": one.id})


def _filter() -> tuple[str, list[str]]:
    """Provider ('' is all) and severities; the choice stands in the address."""
    names = sorted(reader.page_settings().providers)
    every = [severity.value for severity in Severity]
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        chosen = st.pills(
            "Severity", every, selection_mode="multi", key="severity", bind="query-params", label_visibility="collapsed"
        )
        provider = st.selectbox(
            "Provider", [ALL, *names], key="of", bind="query-params", label_visibility="collapsed", width=240
        )
    return ("" if provider == ALL else str(provider)), list(chosen) or every


def _quiet() -> None:
    """Silences and windows, each with its end."""
    st.html("<h2>Silences and maintenance windows</h2>")
    held, silent = reader.suppressions()
    if silent:
        st.html(f'<div class="ts-calm">Not known from here: {text(silent)}</div>')
        return
    incident.said_of("held", len(held))
    if not held:
        st.html('<div class="ts-calm">None: every page goes out.</div>')
        return
    may = not login.barred()
    name = incident.responder() if may else ""
    for one in held:
        with st.container(horizontal=True, vertical_alignment="center", key=f"held-{one['id']}"):
            st.html(_suppression(one))
            if may and st.button("End", key=f"end-{one['id']}"):
                path = f"/api/v1/suppressions/{one['id']}/end"
                st.session_state["said"] = ("held", len(held) - 1, *incident.act(path, name, f"{one['id']} is ended"))
                st.rerun()


def _suppression(one: dict[str, Any]) -> str:
    starts, expires = (datetime.fromisoformat(one[name]) for name in ("starts", "expires"))
    again = f", every {duration(timedelta(seconds=one['every_s']))} ({one['zone']})" if one["every_s"] else ""
    state = "● holds pages now" if one["active"] else "○ does not hold now"
    return (
        f'<div class="ts-held"><b>{text(one["kind"])} of {text(one["scope"])}</b> <span>{text(state)}</span>'
        f"<p>{text(one['owner'])}: {text(one['why'])}</p>"
        f"<small>from {text(stamp(starts))} for {text(duration(one['lasts_s']))}{text(again)}, until "
        f"{text(stamp(expires))} <code>{text(one['id'])}</code></small></div>"
    )
