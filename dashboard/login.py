"""The door of the dashboard: who is in this session, what they may do, and the page that everybody else gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard import markup
from dashboard.identity import Person, Stranger, identified, login_key
from dashboard.markup import text
from dashboard.pages import BARE, CATALOGUE
from dashboard.settings import page_settings
from schemas.clock import Clock
from schemas.login import Login, Role

ENDED_MAX = 10_000  # logins that are remembered as ended; the oldest is forgotten first

_ended: dict[str, None] = {}
_clock: Clock | None = None


def keep_time_by(clock: Clock) -> None:
    """Give the clock that sessions end by; without one nobody is let in."""
    global _clock
    _clock = clock


def visitor() -> Person | Stranger | None:
    """Who is in this session, looked at anew each time; None where no login is configured."""
    login = page_settings().login
    return None if login is None else admitted(st.user.to_dict(), login)


def admitted(claims: Mapping[str, Any], login: Login) -> Person | Stranger:
    """Whom the claims of a cookie let in now, unless they have logged out since."""
    assert _clock is not None, "a login needs a clock"
    if login_key(claims) in _ended:
        return Stranger("You have logged out.")
    return identified(claims, login, _clock.now())


def barred() -> str:
    """Why nothing can be done from this session, as the beginning of a sentence; '' when something can."""
    if page_settings().read_only:
        return "This dashboard is read-only"
    match visitor():
        case None | Person(role=Role.RESPONDER):
            return ""
        case Person(name=name):
            return f"{name} is a viewer of this dashboard"
        case Stranger(why=why):
            return (why or "You are not logged in").rstrip(".")


def end(claims: Mapping[str, Any]) -> None:
    """Let the login of *claims* in no more, whoever holds a copy of its cookie."""
    _ended[login_key(claims)] = None
    while len(_ended) > ENDED_MAX:
        del _ended[next(iter(_ended))]


def door(stranger: Stranger) -> None:
    """The page of whoever is not let in, at every address that a page has."""

    def draw() -> None:
        _draw(stranger)

    addresses = (BARE, *(entry.name for entry in CATALOGUE))
    closed = [st.Page(draw, title="Log in", url_path=name, default=name == BARE) for name in addresses]
    st.navigation(closed, position="hidden").run()


def _draw(stranger: Stranger) -> None:
    login = page_settings().login
    assert login is not None
    with st.container(key="door"):
        st.html(
            '<div class="ts-head"><span class="ts-stone"></span><b class="ts-word">Touchstone</b></div>'
            '<h1 class="ts-title">Log in</h1>'
        )
        if stranger.why:
            st.html(f'<div class="ts-note-box" role="status">{text(stranger.why)}</div>')
        here = st.context.url or login.url
        if not f"{here}/".startswith(f"{login.url}/"):
            st.html(
                f'<p class="ts-note">A login does not hold at this address: open <a href="{text(login.url)}" '
                f'target="_self">{text(login.url)}</a>.</p>'
            )
            return
        if st.button(markup.plain(f"Log in with {login.shown}"), type="primary", key="login"):
            st.login()
        if st.user.get("is_logged_in") and st.button("Log out", key="logout", type="tertiary"):
            st.logout()
        st.html('<p class="ts-note">What is done here stands on the record in your name.</p>')
