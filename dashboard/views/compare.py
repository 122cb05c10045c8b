"""The same model at several providers: who gives most for the money, and what a GPU-hour really costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from collector.judgement.value import words
from collector.judgement.value.comparison import Comparison, currencies
from collector.judgement.value.facts import ModelFacts
from dashboard import reader, value_chart, value_markup
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.reading_ahead import begin
from dashboard.vega import spec_of

DAYS = {"7d": 7, "30d": 30, "90d": 90}
USUAL = "30d"
NOTHING = '<div class="ts-nothing">Nothing was observed of any model in this window.</div>'
NO_POINT = """<div class="ts-calm">No point can be drawn: it takes a price in the fleet, and enough answers. What is
known stands in the table.</div>"""
CAPTION = "Lower left is better. Bars are bounds; shape and colour are the tier, which stands on availability."
FOOT = """ The price of a million good tokens is all that was billed, by the tokens of answers that were right and in
time. One provider beats another when it is no worse on price, first token p95 and availability, and surely better on
one of them; those that nobody beats bear their names in the chart. <code>touchstone value --json</code> has the same
numbers."""


def ahead(asked: Mapping[str, str]) -> None:
    """Begin what the page reads, for all providers."""
    begin(_compared, DAYS.get(asked.get("days", USUAL), DAYS[USUAL]), asked.get("model", ""))


def _compared(days: int, model: str) -> None:
    models = _models(reader.model_facts(days).facts)
    if models:
        reader.compared(days, model if model in models else models[0], ())


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Compare</h1>')
    chosen = st.container(horizontal=True, vertical_alignment="bottom", key="controls")
    with chosen:
        days = st.pills(
            "Window", list(DAYS), default=USUAL, key="days", bind="query-params", label_visibility="collapsed"
        )
    window = reader.model_facts(DAYS[days or USUAL])
    if not window.facts:
        st.html(NOTHING)
        return
    with chosen:
        model, providers = _chosen(window.facts)
    _draw(reader.compared(DAYS[days or USUAL], model, tuple(providers)))


def _chosen(facts: Sequence[ModelFacts]) -> tuple[str, list[str]]:
    """The model, and providers that offer it; none stands for all. The choice stands in the address."""
    model = st.selectbox(
        "Model",
        _models(facts),
        key="model",
        bind="query-params",
        label_visibility="collapsed",
        width=280,
    )
    providers = st.multiselect(
        "Providers",
        sorted(one.provider for one in facts if one.model == model),
        key="providers",
        bind="query-params",
        label_visibility="collapsed",
        placeholder="all providers",
        width=360,
    )
    return model, providers


def _models(facts: Sequence[ModelFacts]) -> list[str]:
    return sorted({one.model for one in facts})


def _draw(found: Comparison) -> None:
    tiers = {verdict.provider: verdict.tier for verdict in reader.latest_verdicts()}
    st.html(f'<h2>Price against latency <span class="ts-dim">{text(_title(found))}</span></h2>')
    if len(priced_in := currencies(found.offers)) > 1:
        st.html(f'<div class="ts-calm">{text(words.differ(priced_in))}</div>')
    elif drawn := value_chart.drawable(found.offers):
        spec = spec_of(value_chart.tradeoff(drawn, tiers))
        st.vega_lite_chart(spec, width="stretch", alt=value_chart.said(drawn))
        st.html(f'<div class="ts-legend">{text(CAPTION)}</div>')
    else:
        st.html(NO_POINT)
    st.html(value_markup.offers(found.offers, found.gpu_hours, tiers))
    if found.gpu_hours:
        st.html("<h2>What a GPU-hour costs, step by step</h2>")
        st.html(value_markup.gpu_hours(found.gpu_hours))
    st.html(f'<div class="ts-foot">{text(words.foot(found))}{FOOT}</div>')


def _title(found: Comparison) -> str:
    return f"{', '.join(dict.fromkeys(one.model for one in found.offers))}, n {len(found.offers)} providers"
