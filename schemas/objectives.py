"""Objectives (SLO): our own targets for providers, which burn rates are measured against."""

from __future__ import annotations

from schemas.fleet import Name, Strict
from schemas.quantity import DurationS, Ratio


class Objective(Strict):
    """Our own target (SLO) for availability, of the providers that match."""

    name: Name
    providers: tuple[str, ...] = ("*",)
    objective: Ratio
    window: DurationS = 30 * 86400.0
