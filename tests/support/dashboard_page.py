"""One page of the dashboard as the script of a test, with the others beside it."""

from __future__ import annotations

import streamlit as st

from dashboard.pages import Pages
from dashboard.views import capacity, incident, incidents, provider, sla, status

VIEWS = {
    "status": status,
    "provider": provider,
    "incidents": incidents,
    "incident": incident,
    "sla": sla,
    "capacity": capacity,
}


def shown(name: str) -> None:
    """Draw the page *name*, which is the one that the address leads to."""
    drawn: list[Pages] = []
    pages = Pages(
        **{
            each: st.Page(lambda view=view: view.show(drawn[0]), title=each, url_path=each, default=each == name)
            for each, view in VIEWS.items()
        }
    )
    drawn.append(pages)
    every = [pages.status, pages.provider, pages.incidents, pages.incident, pages.sla, pages.capacity]
    st.navigation(every, position="hidden").run()
