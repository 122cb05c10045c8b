"""One page of the dashboard as the script of a test, with the others beside it."""

from __future__ import annotations

import streamlit as st

from dashboard.pages import Pages
from dashboard.views import compare, incident, incidents, provider, sla, status

VIEWS = {
    "status": status, "provider": provider, "incidents": incidents, "incident": incident, "sla": sla,
    "compare": compare,
}  # fmt: skip


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
    st.navigation([getattr(pages, each) for each in VIEWS], position="hidden").run()
