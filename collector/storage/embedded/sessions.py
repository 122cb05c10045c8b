"""Sessions: a connection of the engine kept between requests, with its settings and temporary tables."""

from __future__ import annotations

from dataclasses import dataclass

from collector.storage.embedded.exceptions import Refused, busy
from collector.storage.embedded.request import SessionWish
from collector.storage.engine import Handle

Key = tuple[str, str]


@dataclass(slots=True)
class Session:
    """One session; *handle* is opened by its first query."""

    key: Key
    timeout_s: float
    handle: Handle | None = None
    busy: bool = True
    expires_at: float = 0.0


class Sessions:
    """At most *most* sessions, each for one query at a time; they end when nobody asks. Used from one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: dict[Key, Session] = {}

    def take(self, user: str, wish: SessionWish, now: float) -> Session:
        """The session of *user* that *wish* names; raises Refused when it is busy (373) or must exist (372)."""
        self.expire(now)
        key = (user, wish.name)
        found = self._all.get(key)
        if found is None:
            if wish.must_exist:
                raise Refused(500, 372, "SESSION_NOT_FOUND", "Session not found")
            if len(self._all) >= self._most:
                raise busy(f"{self._most} sessions are open; each ends after its session_timeout")
            found = self._all[key] = Session(key, wish.timeout_s)
            return found
        if found.busy:
            raise Refused(500, 373, "SESSION_IS_LOCKED", "Session is locked by a concurrent client")
        found.busy, found.timeout_s = True, wish.timeout_s
        return found

    def give_back(self, session: Session, now: float, *, close: bool = False) -> None:
        """The query of *session* has ended; it now waits for the next."""
        session.busy, session.expires_at = False, now + session.timeout_s
        if close or session.handle is None or session.handle.broken:
            self._close(session)

    def expire(self, now: float) -> None:
        """End the sessions that nobody has asked in time."""
        for session in [one for one in self._all.values() if not one.busy and one.expires_at <= now]:
            self._close(session)

    def close(self) -> None:
        """End every session."""
        for session in list(self._all.values()):
            self._close(session)

    def _close(self, session: Session) -> None:
        self._all.pop(session.key, None)
        if session.handle is not None:
            session.handle.close()

    def __len__(self) -> int:
        return len(self._all)
