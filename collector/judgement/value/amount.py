"""An amount of money that is not known to the cent: its point, and one-sided bounds."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Amount:
    """low <= value <= high."""

    low: Decimal
    value: Decimal
    high: Decimal
