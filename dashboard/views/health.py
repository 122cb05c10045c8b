"""Is the monitor itself healthy: how new, how late and how complete what it sees is, and what it made of it."""

from __future__ import annotations

import streamlit as st

from collector.monitor_signs import of_collector, of_vantages, worked_out
from dashboard import measured, monitor_markup, reader
from dashboard.frame import LIVE_S
from dashboard.markup import text
from dashboard.pages import Pages


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Is the monitor itself healthy?</h1>')
    _health()


@st.fragment(run_every=LIVE_S)
def _health() -> None:
    """All of it, drawn again every few seconds."""
    found, settings = reader.monitor_health(), reader.page_settings()
    made = worked_out(found, settings.stale_after_s, settings.examined_every_s)
    st.html(monitor_markup.signs((*of_collector(*reader.vital_signs()), *made)))
    size = f"n {len(found.vantages)} that sent anything within a day"
    st.html(f'<h2>Vantages <span class="ts-dim">{text(size)}; figures of the last hour</span></h2>')
    if found.vantages:
        lines = monitor_markup.vantages(of_vantages(found, settings.stale_after_s))
        st.html(lines + monitor_markup.unseen(found.vantages))
    else:
        st.html(measured.nothing("? No vantage sent anything within a day, or everything there is was loaded in bulk."))
    st.html(monitor_markup.store(found))
