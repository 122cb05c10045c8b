"""What stands above every page: how new the facts are, and the way to the other pages."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from collector.judgement import wording
from collector.judgement.wording import duration
from collector.storage.queries import Freshness
from dashboard import reader
from dashboard.identity import Person
from dashboard.markup import text
from dashboard.pages import CATALOGUE, Pages
from dashboard.settings import PageSettings
from schemas.errors import StoreError

LIVE_S = 5


@st.fragment(run_every=LIVE_S)
def head() -> None:
    """Name and freshness, drawn again every few seconds; a banner when what the pages show is old."""
    settings = reader.page_settings()
    try:
        fresh = reader.freshness()
        judged = max((verdict.at for verdict in reader.latest_verdicts()), default=None)
    except StoreError:
        st.html(_head(settings, "severe", "▲ the store does not answer", None))
        return
    st.html(_head(settings, *freshness(fresh, settings.stale_after_s), judged) + banner(fresh, settings.stale_after_s))


def navigation(pages: Pages, visitor: Person | None) -> None:
    """A link to every page that is listed; and who looks at them, with the way out."""
    with st.container(horizontal=True, key="nav"):
        for entry in CATALOGUE:
            if entry.listed:
                st.page_link(getattr(pages, entry.name), label=entry.title)
        if visitor is not None:
            with st.container(horizontal=True, vertical_alignment="center", key="who"):
                st.html(f'<span class="ts-dim">{text(visitor.name)}, {text(visitor.role)}</span>')
                if st.button("Log out", key="logout", type="tertiary"):
                    st.logout()


def freshness(fresh: Freshness, stale_after_s: float) -> tuple[str, str]:
    """How new the facts are: a look, and words."""
    if fresh.newest_tick is None:
        return "unknown", "? nothing was observed yet"
    if (age := _stale(fresh, stale_after_s)) is not None:
        return "severe", f"▲ stale: the newest observation is {duration(age)} old"
    seconds = max((fresh.now - fresh.newest_tick).total_seconds(), 0.0)
    return "good", f"● live: newest {seconds:.0f} s old, {wording.count(fresh.rows_last_minute)} in the last minute"


def banner(fresh: Freshness, stale_after_s: float) -> str:
    """What is said across every page when the newest observation is older than three intervals; '' otherwise."""
    age = _stale(fresh, stale_after_s)
    if age is None or fresh.newest_tick is None:
        return ""
    return (
        f'<div class="ts-banner" role="status"><b>▲ Nothing new for {text(duration(age))}.</b> What the pages show '
        f"ends at {text(wording.stamp(fresh.newest_tick))}; of the time since then nothing is known.</div>"
    )


def _stale(fresh: Freshness, stale_after_s: float) -> timedelta | None:
    """How old the newest observation is when that is too old; None when it is not, or there is none."""
    if fresh.newest_tick is None or fresh.now - fresh.newest_tick <= timedelta(seconds=stale_after_s):
        return None
    return fresh.now - fresh.newest_tick


def _head(settings: PageSettings, look: str, said: str, judged: datetime | None) -> str:
    verdict = f"judged {judged:%H:%M:%S} UTC" if judged else "not judged yet"
    mark = '<span class="ts-simulated">simulated fleet</span>' if settings.simulated else ""
    return (
        '<div class="ts-head"><span class="ts-stone"></span><b class="ts-word">Touchstone</b>'
        f'<span class="ts-dim">{text(settings.deployment)}</span>{mark}<span class="ts-gap"></span>'
        f'<span class="ts-fresh ts-{look}">{text(said)}</span><span class="ts-dim">{text(verdict)}</span></div>'
    )
