"""
Pages while the transactional store does not answer: decided on what is known, sent without the outbox.

What is decided so is decided again when the store is back, from the same facts, which nobody has acknowledged; the page
comes again under the same keys, and the receiver folds the two into one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from collector.judgement.hot_state import HotState
from collector.judgement.incidents import Decision
from schemas.errors import StoreUnavailable
from schemas.incident import PageIntent
from schemas.page import Delivery

logger = logging.getLogger(__name__)

Decide = Callable[[HotState], Decision]
Deliveries = Callable[[Sequence[PageIntent], Mapping[str, frozenset[str]]], Sequence[Delivery]]


class Pager(Protocol):
    """Who sends without the outbox."""

    def send_directly(self, deliveries: Sequence[Delivery]) -> None:
        """Send these now."""
        ...

    def store_is_back(self) -> None:
        """The outbox has everything again."""
        ...


class FailOpen:
    """`step` of the transactional store; while that fails, *pager* is given what would have gone into the outbox."""

    def __init__(self, step: Callable[[Decide, Deliveries], Decision], pager: Pager) -> None:
        self._step, self._pager = step, pager
        self._stored: HotState | None = None  # as the store had it last
        self._without: HotState | None = None  # and what has been decided since, while it does not answer

    def step(self, decide: Decide, deliveries: Deliveries) -> Decision:
        """As Ledger.step; StoreUnavailable is raised all the same, so that nobody takes it for stored."""
        try:
            decision = self._step(decide, deliveries)
        except StoreUnavailable:
            self._decide_without(decide, deliveries)
            raise
        if self._without is not None:
            self._pager.store_is_back()
        self._stored, self._without = decision.state, None
        return decision

    def _decide_without(self, decide: Decide, deliveries: Deliveries) -> None:
        state = self._without or self._stored
        if state is None:  # what is open already is not known: an incident would get another id
            logger.error("the transactional store has never answered: nothing is decided, nobody is paged")
            return
        decision = decide(state)
        self._without = decision.state
        if decision.intents:
            self._pager.send_directly(deliveries(decision.intents, {}))
