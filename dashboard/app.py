"""The frame around every page: look, the door, navigation, and what is said when the store does not answer."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import frame, login, markup
from dashboard.identity import Stranger
from dashboard.pages import Pages
from dashboard.reader import page_settings
from schemas.errors import StoreError

STATIC = Path(__file__).with_name("static")
RETRY_S = 5


def main() -> None:
    """Draw the page that the address names, for whoever is let in; nothing of any page is read before."""
    st.set_page_config(page_title="Touchstone", page_icon=str(STATIC / "icon.png"), layout="wide")
    st.html(STATIC / "style.css")
    visitor = login.visitor()
    if isinstance(visitor, Stranger):
        login.door(visitor)
        return
    if page_settings().simulated:
        st.html('<div class="ts-watermark" aria-hidden="true">simulated</div>')
    pages = Pages()
    page = st.navigation(pages.every, position="hidden")
    frame.head()
    frame.navigation(pages, visitor)
    try:
        page.run()
    except StoreError as error:
        _store_is_silent(str(error))


@st.fragment(run_every=RETRY_S)
def _store_is_silent(message: str) -> None:
    first = "store_silent" not in st.session_state
    st.session_state["store_silent"] = True
    st.error(markup.plain(message[:160]), title="The store does not answer", icon="⛔")
    st.html(f'<p class="ts-dim">Nothing is known of any provider from here. Trying again every {RETRY_S} s.</p>')
    if not first:
        del st.session_state["store_silent"]
        st.rerun()


main()
