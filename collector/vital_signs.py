"""Is the collector itself well? What it is asked by its own heartbeat, and by whoever looks at /api/v1/health."""

from __future__ import annotations

from dataclasses import dataclass

LAG_S_MAX = 5.0
DECIDED_S_MAX = 15.0
STORED_S_MAX = 60.0
OUTBOX_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """
    How old or late things are, in seconds; None where that cannot be said.

    lag_s: how late the event loop woke at worst lately. decided_s: since the last decision was on disk. stored_s: since
    the store was known to have everything that was taken in. outbox_s: how long the oldest page waits that could
    have been sent; 0 when none does.
    """

    lag_s: float
    decided_s: float | None
    stored_s: float | None
    outbox_s: float | None


def ailments(signs: VitalSigns) -> tuple[str, ...]:
    """What is not as it must be, each with its number; empty when all is well."""
    checks = (
        ("the event loop woke", signs.lag_s, LAG_S_MAX, "late"),
        ("the last decision was", signs.decided_s, DECIDED_S_MAX, "ago"),
        ("the store had everything", signs.stored_s, STORED_S_MAX, "ago"),
        ("a page has waited", signs.outbox_s, OUTBOX_S_MAX, "long"),
    )
    return tuple(
        f"{what} nobody knows how {word}" if value is None else f"{what} {value:.1f} s {word} (at most {most:g})"
        for what, value, most, word in checks
        if value is None or value > most
    )
