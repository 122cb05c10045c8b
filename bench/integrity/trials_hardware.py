"""Trials of the hardware check: an 8B model in bf16 on one H100, whose engine reaches a part of the roofline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np

from bench.integrity.trial import Honest, Lie, Trials
from collector.judgement.integrity.gpus import gpus_of
from collector.judgement.integrity.hardware import (
    ACCEPTED_MAX,
    DAYS_MIN,
    REPLIES_MIN,
    Claimed,
    Model,
    Reply,
    bound_per_s,
    hardware,
)
from schemas.evidence import Evidence, Standing

MODEL = Model("an 8B model", 8.03e9, 8.03e9, 131_072)
CLAIMED = Claimed("H100 SXM", 1, "bf16", MODEL)
CONTEXT, TOKENS = 1024, 200
REACHED = 0.75  # of the roofline, by a good engine with one stream: assumed
TTFT_MS = 60.0
BEGAN = date(2026, 1, 1)
DAYS, DAYS_TRIED, PLAIN, PREDICTABLE = 30, 60, 24, 4  # replies a day of incompressible and of predictable text
PER_DAY = PLAIN + PREDICTABLE
VANTAGES = ("frankfurt", "ashburn")
Month = Callable[[np.random.Generator], Evidence]


def replies_of(
    chance: np.random.Generator, factor: Callable[[int], float], days: int, *, accepted: float = 1.0, load: float = 0.15
) -> list[Reply]:
    """
    Replies of *days*; *factor* of the day is the speed over that of the claimed hardware.

    accepted: tokens a step on predictable text, half of what that gains on incompressible. load: the share by which
    neighbours slow a reply down on average.
    """
    bound = bound_per_s(gpus_of(CLAIMED.gpu)[0], 1, MODEL, weight_bytes=2.0, context=CONTEXT)
    found = []
    for day in range(days):
        for place in range(PER_DAY):
            predictable = place >= PLAIN
            gain = accepted if predictable else 1 + (accepted - 1) / 2
            speed = REACHED * bound * factor(day) * gain / (1 + chance.exponential(load))
            last_ms = TTFT_MS + (TOKENS - 1) / speed * 1000
            vantage = VANTAGES[place % len(VANTAGES)]
            found.append(Reply(BEGAN + timedelta(days=day), vantage, TOKENS, last_ms, CONTEXT, predictable))
    return found


def honest_month(*, factor: float = 1.0, accepted: float = 1.0, load: float = 0.15) -> Month:
    """A month on the claimed hardware."""

    def month(chance: np.random.Generator) -> Evidence:
        return hardware("p/c", CLAIMED, replies_of(chance, lambda _: factor, DAYS, accepted=accepted, load=load))

    return month


def found(chance: np.random.Generator, factor: float, requests: int) -> bool:
    """Whether what is *factor* times faster than the claimed hardware is contradicted after so many requests."""
    replies = replies_of(chance, lambda _: factor, requests // PER_DAY, load=0.05)
    return hardware("p/c", CLAIMED, replies).standing is Standing.CONTRADICTED


def first_day(chance: np.random.Generator, factor: float) -> int | None:
    """On which day it is."""
    replies = replies_of(chance, lambda _: factor, DAYS_TRIED, load=0.05)
    for day in range(DAYS_MIN, DAYS_TRIED + 1):
        seen = [one for one in replies if one.day < BEGAN + timedelta(days=day)]
        if hardware("p/c", CLAIMED, seen).standing is Standing.CONTRADICTED:
            return day
    return None


assert PLAIN >= REPLIES_MIN

TRIALS = (
    Trials(
        check="hardware",
        honest=(
            Honest("plain", honest_month()),
            Honest("at the roofline", honest_month(factor=1 / REACHED, load=0.02)),
            Honest("speculation", honest_month(accepted=3.0)),
            Honest("much speculation", honest_month(factor=1 / REACHED, accepted=ACCEPTED_MAX, load=0.02)),
            Honest("heavy load", honest_month(load=2.0)),
        ),
        lies=(
            Lie(
                "faster than claimed", "times", (1.5, 2.0, 3.0, 4.0), (56, 84, 168, 336),
                found=found,
                days=first_day,
                tokens_per_request=CONTEXT + TOKENS,
            ),
        ),
    ),
)  # fmt: skip
