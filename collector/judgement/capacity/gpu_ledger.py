"""
GPUs as a ledger: claimed, reserved, delivered, healthy, in use.

Delivered are those on the pages that are read: a page covers one machine or a whole cluster, as who set it up knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Figures that tell of sick GPUs. ECC counts errors: of how many GPUs it does not say.
XID, REMAP, ECC = "gpus_with_xid", "gpus_row_remap_failed", "gpu_ecc_double_bit"
HEALTH = (XID, REMAP, ECC)
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class GpuLedger:
    """
    GPUs of a cluster, or of a provider's clusters together.

    delivered: on the pages read now, None when one of them could not be read. healthy and in use lie between bounds,
    because figures count errors and means, not GPUs: healthy_low is None while a series of HEALTH is *absent*.
    """

    claimed: int | None = None
    delivered: int | None = None
    healthy_low: int | None = None
    healthy_high: int | None = None
    in_use_low: int | None = None
    in_use_high: int | None = None
    absent: tuple[str, ...] = ()


def of_page(figures: Mapping[str, float]) -> GpuLedger:
    """The GPUs on one page, which tells `gpus`."""
    delivered = int(figures["gpus"])
    absent = tuple(name for name in HEALTH if name not in figures)
    sick = [int(figures.get(name, 0)) for name in (XID, REMAP)]
    most = min(delivered, sum(sick) + int(figures.get(ECC, 0)))
    least = min(delivered, max(*sick, int(figures.get(ECC, 0) > 0)))
    low, high = _in_use(figures, delivered)
    return GpuLedger(
        delivered=delivered,
        healthy_low=None if absent else delivered - most,
        healthy_high=delivered - least,
        in_use_low=low,
        in_use_high=high,
        absent=absent,
    )


def together(ledgers: Iterable[GpuLedger], claimed: int | None) -> GpuLedger:
    """The sum of *ledgers*; what one of them does not know, nobody knows of all. Nothing is known of none."""
    found = list(ledgers)
    return GpuLedger(
        claimed=claimed,
        delivered=_sum(one.delivered for one in found),
        healthy_low=_sum(one.healthy_low for one in found),
        healthy_high=_sum(one.healthy_high for one in found),
        in_use_low=_sum(one.in_use_low for one in found),
        in_use_high=_sum(one.in_use_high for one in found),
        absent=tuple(name for name in HEALTH if any(name in one.absent for one in found)),
    )


def _in_use(figures: Mapping[str, float], delivered: int) -> tuple[int | None, int | None]:
    """
    At least and at most how many GPUs are in use.

    Utilisation is a mean over all, and none is above 1: a mean of 0.5 over 8 needs at least 4, and may be of all 8.
    """
    busy, running = figures.get("gpu_util_share"), figures.get("running")
    if busy is None and running is None:
        return None, None
    if not busy and not running:
        return 0, 0
    least = math.ceil((busy or 0.0) * delivered - ROUNDING)
    return min(delivered, max(1, least)), delivered


def _sum(values: Iterable[int | None]) -> int | None:
    numbers = list(values)
    known = [value for value in numbers if value is not None]
    return sum(known) if numbers and len(known) == len(numbers) else None
