"""What a check's trials say to the bench: honest worlds that it must not contradict, and lies that it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from schemas.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Honest:
    """One way to be honest: *name* says which benign change it holds; *month* gives a provider-month's evidence."""

    name: str
    month: Callable[[np.random.Generator], Evidence]


@dataclass(frozen=True, slots=True)
class Lie:
    """
    One way to lie, at *sizes* of the lie in *unit* (`%`, `requests`, ...).

    found: whether the check contradicts a liar of that size after *requests* requests. days: the day (from 1) on which
    it does so for the first time within 60, None when it does not; None instead of a function where it makes no sense.
    """

    name: str
    unit: str
    sizes: tuple[float, ...]
    requests: tuple[int, ...]
    found: Callable[[np.random.Generator, float, int], bool]
    days: Callable[[np.random.Generator, float], int | None] | None = None
    tokens_per_request: float = 0.0  # prompt and answer, for the price


@dataclass(frozen=True, slots=True)
class Trials:
    """Everything the bench asks of one check."""

    check: str
    honest: tuple[Honest, ...]
    lies: tuple[Lie, ...]
