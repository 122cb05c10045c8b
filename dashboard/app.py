"""The frame around every page: look, navigation, and what is said when the store does not answer."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import markup
from dashboard.pages import Pages
from dashboard.reader import page_settings
from dashboard.views import capacity, incident, incidents, provider, sla, status
from schemas.errors import StoreError

STATIC = Path(__file__).with_name("static")
RETRY_S = 5


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="Touchstone", page_icon=str(STATIC / "icon.png"), layout="wide")
    st.html(STATIC / "style.css")
    if page_settings().simulated:
        st.html('<div class="ts-watermark" aria-hidden="true">simulated</div>')
    pages = Pages(
        status=st.Page(lambda: status.show(pages), title="Status", url_path="status", default=True),
        provider=st.Page(lambda: provider.show(pages), title="Provider", url_path="provider", visibility="hidden"),
        incidents=st.Page(lambda: incidents.show(pages), title="Incidents", url_path="incidents", visibility="hidden"),
        incident=st.Page(lambda: incident.show(pages), title="Incident", url_path="incident", visibility="hidden"),
        sla=st.Page(lambda: sla.show(pages), title="SLA and credits", url_path="sla", visibility="hidden"),
        capacity=st.Page(lambda: capacity.show(pages), title="Capacity", url_path="capacity", visibility="hidden"),
    )
    every = [pages.status, pages.provider, pages.incidents, pages.incident, pages.sla, pages.capacity]
    page = st.navigation(every, position="hidden")
    try:
        page.run()
    except StoreError as error:
        _store_is_silent(str(error))


@st.fragment(run_every=RETRY_S)
def _store_is_silent(message: str) -> None:
    first = "store_silent" not in st.session_state
    st.session_state["store_silent"] = True
    st.error(markup.plain(message[:160]), title="The store does not answer", icon="⛔")
    st.caption(f"Nothing is known of any provider from here. Trying again every {RETRY_S} s.")
    if not first:
        del st.session_state["store_silent"]
        st.rerun()


main()
