"""Errors that a contract's back-off rule discounts: asked again sooner than the rule allows, they do not count."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from schemas.contract import Backoff

Streak = TypeVar("Streak", bound=Hashable)


def discounted(failures: Iterable[tuple[Streak, int]], backoff: Backoff) -> Iterator[tuple[Streak, int]]:
    """
    Those of *failures* that do not count.

    Each is (streak, ms since the epoch), in order; a streak is what fails on end, of one series of requests. After the
    first the next counts *first* later, and each that counts doubles the wait, up to *longest*.
    """
    for _, streak in groupby(failures, key=itemgetter(0)):
        wait_ms, not_before = backoff.first * 1000, float("-inf")
        for failure in streak:
            if failure[1] < not_before:
                yield failure
                continue
            not_before = failure[1] + wait_ms
            wait_ms = min(2 * wait_ms, backoff.longest * 1000)
