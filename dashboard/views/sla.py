"""What contracts promised, what they owe, and until when it must be claimed."""

from __future__ import annotations

import streamlit as st

from collector.judgement.sla.statement import Statement
from dashboard import markup, reader, sla_markup
from dashboard.pages import Pages

ALL = "all providers"
NO_CONTRACT = """<div class="ts-nothing">No contract is configured: <code>contracts:</code> in touchstone.yaml names a
folder of them.</div>"""
NOT_YET = (
    """<div class="ts-calm">Nothing was counted yet: the collector does it when it has started, then hourly.</div>"""
)
FOOT = """<div class="ts-foot">Counted from our own probes, by the formula of each contract. The range takes all unknown
time for down, and for up; percentages are rounded down. Experienced is what was answered in time and right, with
nothing left out. Credits are estimates: the provider judges by its own logs. <code>touchstone claim</code> writes the
evidence and puts on record what was claimed, <code>touchstone sla --json</code> has the same numbers.</div>"""


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">SLA and credits</h1>')
    settings = reader.page_settings()
    if not settings.contracts:
        st.html(NO_CONTRACT)
        return
    provider = _filter(settings.contracts)
    statements, claims, now = reader.statements(), reader.claims(), reader.freshness().now
    shown = [one for one in statements if provider in {"", one.provider}]
    if not shown:
        st.html(NOT_YET)
        return
    st.html(sla_markup.owed(shown, claims, now))
    for title, of_month in _months(shown):
        st.html(f'<h2>{markup.text(title)} <span class="ts-dim">n {len(of_month)} units</span></h2>')
        st.html(sla_markup.month(of_month, claims, now))
    st.html(FOOT)


def _filter(contracts: tuple[str, ...]) -> str:
    """The provider, '' for all; the choice stands in the address."""
    with st.container(key="controls"):
        chosen = st.selectbox(
            "Provider", [ALL, *contracts], key="of", bind="query-params", label_visibility="collapsed", width=240
        )
    return "" if chosen == ALL else str(chosen)


def _months(statements: list[Statement]) -> list[tuple[str, list[Statement]]]:
    """Statements by month, the newest first; those that were broken come first."""
    months: dict[str, list[Statement]] = {}
    for one in sorted(statements, key=lambda one: (one.kept is not False, one.provider, one.unit, one.commitment)):
        months.setdefault(one.month.name if one.final else f"{one.month.name}, so far", []).append(one)
    return sorted(months.items(), reverse=True)
