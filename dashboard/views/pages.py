"""Did the page go out: what is dead, how each destination is told, the last deliveries, and a drill to try it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from collector.delivery_kinds import KINDS, READ_MAX
from collector.judgement.wording import duration
from dashboard import delivery_markup, login, measured, reader
from dashboard.frame import LIVE_S
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.views import incident

EVERYWHERE = "all destinations"
P0_ROUTE = "where a P0 goes"


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Did the page go out?</h1>')
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        window = measured.window()
        start, _ = measured.until_now(window)
        names = [line.destination for line in reader.destinations(start)]
        state = st.pills(
            "State", list(KINDS), key="delivery", bind="query-params", label_visibility="collapsed",
            selection_mode="multi", format_func=lambda name: KINDS[name],
        )  # fmt: skip
        chosen = st.selectbox(
            "Destination", [EVERYWHERE, *names], key="to", bind="query-params", label_visibility="collapsed", width=240
        )
    _record(window, tuple(state), "" if chosen == EVERYWHERE else str(chosen))
    _drill(names)


@st.fragment(run_every=LIVE_S)
def _record(window: str, states: Sequence[str], destination: str) -> None:
    """What became of every page, drawn again every few seconds."""
    start, _ = measured.until_now(window)
    dead = reader.deliveries(start, READ_MAX, destination, ("dead",))
    if dead:
        st.html(f'<h2>Dead letters <span class="ts-dim">n {len(dead)}, nobody will try again</span></h2>')
        st.html(delivery_markup.deliveries(dead))
    else:
        st.html(f'<div class="ts-calm"><b>✓</b> No page died in {text(window)}.</div>')
    st.html(_outbox())
    lines = [line for line in reader.destinations(start) if destination in {"", line.destination}]
    st.html(f'<h2>By destination <span class="ts-dim">{text(window)}, seconds from decision to delivery</span></h2>')
    st.html(delivery_markup.destinations(lines) if lines else measured.nothing("No page was tried in this window."))
    found = reader.deliveries(start, READ_MAX, destination, tuple(states))
    shown = sorted(found, key=lambda one: one.last_attempt_at, reverse=True)
    size = f"n {len(shown)}, at most {READ_MAX} are read"
    st.html(f'<h2>Last deliveries <span class="ts-dim">{text(size)}</span></h2>')
    st.html(delivery_markup.deliveries(shown) if shown else measured.nothing("None is known."))


def _outbox() -> str:
    """What was decided and is still to be tried: the collector alone knows."""
    signs, silent = reader.vital_signs()
    if signs is None:
        return f'<div class="ts-calm">? What waits to be sent is not known from here: {text(silent)}</div>'
    if signs.outbox_s is None:
        return '<div class="ts-calm">? What waits to be sent is not known: the collector cannot read its outbox.</div>'
    if signs.outbox_s > 0:
        return f'<div class="ts-banner"><b>▲ A page waits</b> to be sent, for {text(duration(signs.outbox_s))}.</div>'
    return '<div class="ts-calm"><b>✓</b> Nothing waits that could be sent now.</div>'


def _drill(names: Sequence[str]) -> None:
    """A button that sends a marked P0 the way a real one goes, or why there is none."""
    st.html("<h2>Drill</h2>")
    if barred := login.barred():
        st.html(f'<div class="ts-calm">{text(barred)}: no drill can be sent from here.</div>')
        return
    signs, silent = reader.vital_signs()
    if signs is None:
        st.html(f'<div class="ts-calm">No drill can be sent from here: {text(silent)}</div>')
        return
    incident.said_of("drill", 0)
    st.html(
        '<div class="ts-note">A P0 that says DRILL goes out the way a real one does, and is on record with your name. '
        "What becomes of it stands above within seconds.</div>"
    )
    name = incident.responder()
    with st.container(horizontal=True, vertical_alignment="bottom", key="act-drill"):
        where = st.selectbox("Where to", [P0_ROUTE, *names], key="drill-to", width=240)
        if st.button("Send a drill", key="drill"):
            to = [] if where == P0_ROUTE else [where]
            done = "a P0 that says DRILL is on its way"
            said = incident.act("/api/v1/drill", name, done, destinations=to)
            st.session_state["said"] = ("drill", 0, *said)
            st.rerun()
