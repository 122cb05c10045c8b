"""How full every cluster is and when it will be full, what was delivered, and who can take its load."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import capacity_markup, reader
from dashboard.pages import Pages
from dashboard.reading_ahead import begin

ALL = "all providers"
NO_PAGES = """<div class="ts-calm">No page of an engine is looked at: give targets a module of kind
<code>engine_metrics</code>.</div>"""
FOOT = """<div class="ts-foot">From the pages of engines and GPU exporters, of the last 14 days: medians to 95th
percentiles, one of fewer than 100 looks is unknown. Grey is unknown, never zero. Headroom is what fits beside the peak
until 95 % of the cache, or the batch, is full. If it dies: the share of its peak load that fits into the headroom of
others with the same model. GPUs are those on the pages that are read; a fault that no page tells is unknown, never
healthy.
<code>touchstone capacity --json</code> has the same numbers.</div>"""


def ahead(_asked: Mapping[str, str]) -> None:
    """Begin what the page reads."""
    begin(reader.capacity)


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Capacity</h1>')
    provider = _filter(sorted(reader.page_settings().providers))
    found = reader.capacity().of(provider)
    if not any(one.engines for one in found.clusters):
        st.html(NO_PAGES)
    st.html(capacity_markup.summary(found))
    st.html(f'<h2>Clusters <span class="ts-dim">n {len(found.clusters)}</span></h2>')
    st.html(capacity_markup.clusters(found.clusters))
    st.html("<h2>GPUs</h2>")
    st.html(capacity_markup.gpus(found.providers, found.clusters if provider else ()))
    st.html(FOOT)


def _filter(names: list[str]) -> str:
    """The provider, '' for all; the choice stands in the address."""
    with st.container(key="controls"):
        chosen = st.selectbox(
            "Provider", [ALL, *names], key="of", bind="query-params", label_visibility="collapsed", width=240
        )
    return "" if chosen == ALL else str(chosen)
