"""Are they what they say they are: every provider's checks at a glance, the worst first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from collector.judgement.integrity import words
from collector.judgement.integrity.findings import Examination
from collector.judgement.integrity.suspicion import Stage
from collector.judgement.wording import duration
from dashboard import claims_markup, integrity_markup, measured, reader
from dashboard.markup import text
from dashboard.pages import Pages
from dashboard.reading_ahead import begin
from dashboard.settings import PageSettings

ALL = "all checks"
STAGES = (Stage.SUSPECT, Stage.REPLY_OPEN, Stage.EXPLAINED, Stage.BELOW)  # the worst first


def ahead(_asked: Mapping[str, str]) -> None:
    """Begin what the page reads."""
    begin(reader.examinations)


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html(f'<h1 class="ts-title">{text(claims_markup.TITLE)}</h1>')
    settings, found = reader.page_settings(), reader.examinations()
    every = sorted({finding.worst.check for one in found for finding in one.findings})
    stages, check = _filter(every)
    st.html(f'<p class="ts-note ts-when">{text(words.CAVEAT)}</p>')
    if not found:
        st.html(claims_markup.unexamined(settings.examined_every_s))
        return
    checks = [check] if check else every
    shown = sorted((one for one in found if one.suspicion.stage in stages), key=_worst_first)
    if not shown:
        st.html(measured.nothing("No provider is in such a state."))
        return
    st.html(integrity_markup.legend() + integrity_markup.glance(shown, checks))
    st.html("".join(integrity_markup.provider(one, checks) for one in shown) + _never(found, settings))


def _worst_first(one: Examination) -> tuple[int, float, str]:
    return STAGES.index(one.suspicion.stage), -one.suspicion.e, one.suspicion.provider


def _filter(checks: Sequence[str]) -> tuple[Sequence[Stage], str]:
    """States and a check ('' is all); the choice stands in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        stages = st.pills(
            "State", [stage.value for stage in STAGES], key="suspicion", bind="query-params",
            label_visibility="collapsed", selection_mode="multi",
            format_func=lambda stage: words.STAGE_SHORT[Stage(stage)],
        )  # fmt: skip
        check = st.selectbox(
            "Check", [ALL, *checks], key="check", bind="query-params", label_visibility="collapsed", width=280
        )
    return [Stage(stage) for stage in stages] or STAGES, "" if check == ALL else str(check)


def _never(found: Sequence[Examination], settings: PageSettings) -> str:
    """Those of the configuration that no examination has looked at yet; '' without any."""
    known = {one.suspicion.provider for one in found}
    missing = sorted(set(settings.providers) - known)
    if not missing:
        return ""
    names, every = ", ".join(missing), duration(settings.examined_every_s)
    return f'<div class="ts-calm">? Not examined yet: {text(names)}. It is done every {text(every)}.</div>'
