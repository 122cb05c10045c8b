"""One page of the dashboard as the script of a test, with the others beside it."""

from __future__ import annotations

import streamlit as st

from dashboard.pages import Pages


def shown(name: str) -> None:
    """Draw the page *name*, which is the one that the address leads to."""
    st.navigation(Pages(name).every, position="hidden").run()
