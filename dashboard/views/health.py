"""Is the monitor itself healthy: how new, how late and how complete what it sees is, and what it made of it."""

from __future__ import annotations

import streamlit as st

from collector.judgement.wording import duration
from collector.storage.monitor_queries import MonitorHealth
from collector.vital_signs import LAG_S_MAX, OUTBOX_S_MAX, ailments
from dashboard import measured, monitor_markup, reader
from dashboard.frame import LIVE_S
from dashboard.markup import text
from dashboard.monitor_markup import Sign, State
from dashboard.pages import Pages
from dashboard.settings import PageSettings

ROLLED_UP_S_MAX = 1800.0  # they are worked out every five minutes
JUDGED_S_MAX = 300.0
EXAMINED_TIMES = 2  # an examination may be late by as long as it is apart from the next


def show(pages: Pages) -> None:
    """Draw the page."""
    st.html('<h1 class="ts-title">Is the monitor itself healthy?</h1>')
    _health()


@st.fragment(run_every=LIVE_S)
def _health() -> None:
    """All of it, drawn again every few seconds."""
    found, settings = reader.monitor_health(), reader.page_settings()
    st.html(monitor_markup.signs((*_collector(), *worked_out(found, settings))))
    size = f"n {len(found.vantages)} that sent anything within a day"
    st.html(f'<h2>Vantages <span class="ts-dim">{text(size)}; figures of the last hour</span></h2>')
    if found.vantages:
        lines = monitor_markup.vantages(found.vantages, found.now, settings.stale_after_s)
        st.html(lines + monitor_markup.unseen(found.vantages))
    else:
        st.html(measured.nothing("? No vantage sent anything within a day, or everything there is was loaded in bulk."))
    st.html(monitor_markup.store(found))


def _collector() -> tuple[Sign, ...]:
    """What the collector says of itself; unknown where it cannot be asked."""
    signs, silent = reader.vital_signs()
    if signs is None:
        return (Sign("Collector", State.UNKNOWN, "not known", silent),)
    ails = ailments(signs)
    waits = "unknown" if signs.outbox_s is None else "empty" if not signs.outbox_s else duration(signs.outbox_s)
    outbox = State.UNKNOWN if signs.outbox_s is None else State.of(signs.outbox_s, OUTBOX_S_MAX)
    return (
        Sign("Collector", State.LATE if ails else State.WELL, "ails" if ails else "well", "; ".join(ails)),
        Sign("Outbox", outbox, waits, "how long the oldest page waits that could be sent"),
        Sign("Event loop", State.of(signs.lag_s, LAG_S_MAX), f"{signs.lag_s * 1000:.0f} ms late",
             "at its last look"),
    )  # fmt: skip


def worked_out(found: MonitorHealth, settings: PageSettings) -> tuple[Sign, ...]:
    """How old what is worked out from observations is, and when that is too old."""
    every_s = settings.examined_every_s
    newest = max((one.newest_tick for one in found.vantages), default=None)
    return (
        monitor_markup.age("Newest observation", newest, found.now, settings.stale_after_s, "three intervals"),
        monitor_markup.age("Last verdict", found.judged_at, found.now, JUDGED_S_MAX, "five minutes"),
        monitor_markup.age("Rolled up to", found.rolled_up_to, found.now, ROLLED_UP_S_MAX, "half an hour"),
        monitor_markup.age(
            "Last examination", found.examined_at, found.now, EXAMINED_TIMES * every_s,
            f"two times integrity.every, {duration(EXAMINED_TIMES * every_s)}",
        ),
    )  # fmt: skip
