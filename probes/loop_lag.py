"""How late the event loop runs, so that our own lateness is never charged to a provider."""

from __future__ import annotations

from collections import deque

from schemas.clock import Clock

BEAT_S = 0.02
KEPT_S = 120.0


class LagMonitor:
    """Wakes every 20 ms and remembers how much later it was, for two minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late: deque[tuple[float, float]] = deque(maxlen=int(KEPT_S / BEAT_S))
        self._due = clock.monotonic() + BEAT_S

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._due = self._clock.monotonic() + BEAT_S
            await self._clock.sleep(BEAT_S)
            now = self._clock.monotonic()
            self._late.append((now, max(0.0, now - self._due)))

    def late_at(self, instant: float) -> float:
        """How long (s) before *instant* a beat was due that had not been run then: how late the loop was."""
        dues = [at - late for at, late in self._late if at - late <= instant <= at]
        return instant - min((*dues, self._due)) if dues or self._due <= instant else 0.0

    def worst_since(self, start: float) -> float:
        """The largest lateness (s) seen since the instant *start* of the monotonic clock, the one going on included."""
        worst = max(0.0, self._clock.monotonic() - self._due)
        for at, late in reversed(self._late):
            if at < start:
                break
            worst = max(worst, late)
        return worst
