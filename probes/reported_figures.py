"""Figures that somebody else reports, as a JSON object of numbers: a command on its output, a caller in a heartbeat."""

from __future__ import annotations

import re
from collections.abc import Mapping

from schemas.observation import FIGURES_MAX

FIGURE_LIMIT = 1e12  # the wire refuses numbers from here on
OWN_FIGURES = 4  # room for what a kind measures itself
REPORTED_MAX = FIGURES_MAX - OWN_FIGURES
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:/-]{0,63}")


def reported_figures(value: Mapping[str, object]) -> dict[str, float]:
    """The numbers among the values of *value* that a row can hold, the first REPORTED_MAX of them."""
    known: dict[str, float] = {}
    for name, number in value.items():
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if is_number and isinstance(number, int | float) and abs(number) < FIGURE_LIMIT and _NAME.fullmatch(name):
            known[name] = float(number)
        if len(known) == REPORTED_MAX:
            break
    return known
