"""How much may be sent to a destination now: a token bucket that never gives more than so many in any minute; pure."""

from __future__ import annotations

WINDOW_S = 60.0


def burst(per_minute: int) -> int:
    """How many may go at once: a quarter of the minute's, so that the worst never waits long behind the rest."""
    return max(1, per_minute // 4)


def filled(tokens: float, passed_s: float, per_minute: int) -> float:
    """The tokens that are there after *passed_s* seconds; a clock that went back adds none."""
    each_s = (per_minute - burst(per_minute) + 1) / WINDOW_S
    return min(float(burst(per_minute)), tokens + max(0.0, passed_s) * each_s)
