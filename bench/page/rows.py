"""What a case gives: the same rule over what each side's receiver heard. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from bench.page.arrival import OBSERVER, Arrival, What


@dataclass(frozen=True, slots=True)
class Heard:
    """
    What one side's receiver of a case heard, in order; instants are monotonic.

    *zero_s* is the instant of the case's first fault, *back_s* when the receiver was back, *restarted_s* when what was
    killed was started again, *backup* what the second receiver heard.
    """

    subjects: Sequence[str]
    arrivals: Sequence[Arrival]
    zero_s: float
    back_s: float = inf
    restarted_s: float | None = None
    backup: Sequence[Arrival] = ()

    def first(self, subject: str, what: What, *, since_s: float = -inf, taken: bool = True) -> float | None:
        """When such a message about *subject* came first; with *taken* False an attempt that failed counts too."""
        found = (
            one.at_s
            for one in self.arrivals
            if one.said.subject == subject
            and one.said.what is what
            and one.at_s >= since_s
            and (one.taken or not taken)
        )
        return min(found, default=None)


@dataclass(frozen=True, slots=True)
class Values:
    """One value for each subject that has one, or one for all of them; *missing* messages never came."""

    values: tuple[float, ...]
    missing: int = 0

    @property
    def median(self) -> float | None:
        """None when there is no value."""
        return statistics.median(self.values) if self.values else None


Rule = Callable[[Heard], Values]


@dataclass(frozen=True, slots=True)
class RowRule:
    """
    A row of the gauntlet: how it is measured, and what is aimed at.

    That is at most *bound*, with *at_least* no less, with *exactly* that. None: a fact, not an aim.
    """

    name: str
    unit: str
    bound: float | None
    rule: Rule
    exactly: bool = False
    at_least: bool = False
    peers: bool = True  # whether it means something for them

    def reached(self, found: Values) -> bool | None:
        """Whether every message came, and the worst value is within the bound."""
        if self.bound is None:
            return None
        if not found.values or found.missing:
            return False
        if self.exactly:
            return all(value == self.bound for value in found.values)
        return min(found.values) >= self.bound if self.at_least else max(found.values) <= self.bound


def _for_each(heard: Heard, value_of: Callable[[str], float | None]) -> Values:
    found = [value_of(subject) for subject in heard.subjects]
    values = tuple(value for value in found if value is not None)
    return Values(values, len(found) - len(values))


def _less(later_s: float | None, earlier_s: float | None) -> float | None:
    return None if later_s is None or earlier_s is None else later_s - earlier_s


def page_since_return(heard: Heard) -> Values:
    """How long after its return the receiver had the page."""
    return _for_each(heard, lambda subject: _less(heard.first(subject, What.OPENED), heard.back_s))


def resolve_since_return(heard: Heard) -> Values:
    """How long after its return the receiver had the resolve."""
    return _for_each(heard, lambda subject: _less(heard.first(subject, What.CLOSED), heard.back_s))


def since_first_attempt(heard: Heard) -> Values:
    """How long after the first attempt, which failed, the receiver had the page."""
    return _for_each(
        heard,
        lambda subject: _less(
            heard.first(subject, What.OPENED), heard.first(subject, What.OPENED, taken=False)
        ),
    )  # fmt: skip


def backup_since_first_attempt(heard: Heard) -> Values:
    """How long after the first attempt at the first receiver the second one had the page."""
    second = Heard(heard.subjects, heard.backup, heard.zero_s)
    return _for_each(
        heard,
        lambda subject: _less(second.first(subject, What.OPENED), heard.first(subject, What.OPENED, taken=False)),
    )


def since_restart(heard: Heard) -> Values:
    """How long after the pager was started again the receiver had the page."""
    if heard.restarted_s is None:
        return Values((), len(heard.subjects))
    since_s = heard.restarted_s
    return _for_each(heard, lambda subject: _less(heard.first(subject, What.OPENED, since_s=since_s), since_s))


def told_percent(heard: Heard) -> Values:
    """How many of the outages, in percent, were told of with their beginning and, after it, their end."""
    told = 0
    for subject in heard.subjects:
        opened = heard.first(subject, What.OPENED)
        told += opened is not None and heard.first(subject, What.CLOSED, since_s=opened) is not None
    return Values((100.0 * told / len(heard.subjects),))


def duplicates(heard: Heard) -> Values:
    """How many pages, beyond one for each subject, no key shows to be a repetition."""
    found = 0
    for subject in heard.subjects:
        pages = [one for one in _taken(heard, What.OPENED) if one.said.subject == subject]
        keys = {one.said.key for one in pages if one.said.key}
        found += max(0, len(keys) + sum(not one.said.key for one in pages) - 1)
    missing = sum(heard.first(subject, What.OPENED) is None for subject in heard.subjects)
    return Values((float(found),), missing)


def deliveries(heard: Heard) -> Values:
    """How often, on average, a receiver had each page."""
    return Values((len(_taken(heard, What.OPENED)) / len(heard.subjects),))


def closings(heard: Heard) -> Values:
    """How many ends were told, of targets that were down all the while."""
    return Values((float(len(_taken(heard, What.CLOSED))),))


def observer_pages(heard: Heard) -> Values:
    """How many pages said that it is our own side that cannot see."""
    return Values((float(sum(one.said.subject == OBSERVER for one in _pages(heard))),))


def pages(heard: Heard) -> Values:
    """How many pages there were, whatever about."""
    return Values((float(len(_pages(heard))),))


def messages_each(heard: Heard) -> Values:
    """How many messages of any kind there were for each subject."""
    return Values((sum(one.taken for one in heard.arrivals) / len(heard.subjects),))


def _pages(heard: Heard) -> list[Arrival]:
    """Everything that may wake somebody: a page that says worse is one more."""
    return [one for one in heard.arrivals if one.taken and one.said.what is not What.CLOSED]


def _taken(heard: Heard, what: What) -> list[Arrival]:
    return [one for one in heard.arrivals if one.taken and one.said.what is what]
